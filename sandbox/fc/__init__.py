"""A simulation of Function Compute, in which processes run the functions' code as in the cloud."""
