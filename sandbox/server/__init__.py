"""What the clouds' servers have in common: HTTP on loopback, and faults on demand."""
