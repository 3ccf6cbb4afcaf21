"""Calls of the deployed functions, their answers, and the errors of failed calls."""
