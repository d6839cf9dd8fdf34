"""Data larger than the disk: a job in batches, each moved to a disk of its own by a job of its own."""
