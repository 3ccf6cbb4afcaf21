"""A demo of the whole job: `make demo`."""
