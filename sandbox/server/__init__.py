"""The HTTP server that all services of the sandbox share, and the faults that tests can schedule."""
