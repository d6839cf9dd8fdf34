"""The engine: owns jobs, decides everything, moves bytes through `core.stores`."""
