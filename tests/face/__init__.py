"""The full screen measured as a person meets it: the real program, a real engine, a terminal of our own."""
