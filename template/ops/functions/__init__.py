"""Calls of the deployed functions, their answers, and their failures."""
