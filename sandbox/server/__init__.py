"""The common part of the clouds' servers: HTTP on loopback, and faults on demand."""
