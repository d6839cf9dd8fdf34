"""More data than one disk holds: what goes together onto which disk, and how a disk is known again."""
