"""A simulation of Function Compute: processes run the functions' code, as in the cloud."""
