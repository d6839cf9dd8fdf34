"""From what was asked to a frozen plan: listings, comparing, names, what may be deleted."""
