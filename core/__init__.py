"""The engine and everything it stands on. Nothing in here knows that a screen exists."""

__version__ = "0.1.0"
