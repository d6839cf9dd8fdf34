"""The engine's durable memory, and how its rows are called."""
