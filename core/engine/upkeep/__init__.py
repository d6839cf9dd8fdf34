"""Keeping things in order: disks, stale files, unfinished uploads, repair, undo, the system check."""
