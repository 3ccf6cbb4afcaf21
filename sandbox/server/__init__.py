"""The HTTP servers that all services of the sandbox share, and faults that tests order."""
