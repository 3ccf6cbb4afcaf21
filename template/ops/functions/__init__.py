"""Calls of the deployed functions, their answers and failures."""
