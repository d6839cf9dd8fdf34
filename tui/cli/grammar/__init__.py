"""What can be written after `haulier`, a module for each kind of command."""
