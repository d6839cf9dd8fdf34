"""What was proven of content, and how."""
