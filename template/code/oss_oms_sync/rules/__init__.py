"""Pure functions that derive conclusions from facts, for the functions and ops.py alike.

This package imports only the standard library and `answers`.
"""
