"""The acceptance of HTTP lists: a list of classes, a server with faults, what has to be there afterwards."""
