"""The whole job, seen: `make demo`."""
