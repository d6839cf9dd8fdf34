"""Folders of any size, for people who look around: read lazily, kept in a file, looked at from anywhere."""
