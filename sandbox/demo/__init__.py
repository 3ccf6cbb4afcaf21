"""A demo of a whole migration: `make demo`."""
