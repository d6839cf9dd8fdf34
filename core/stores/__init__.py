"""One package or module for each kind of place, behind the interfaces of `base`."""
