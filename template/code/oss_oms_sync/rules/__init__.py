"""Pure functions that derive conclusions from facts, for the functions and ops.py alike."""
