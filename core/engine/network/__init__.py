"""When to try again, and who waits while a server is away."""
