"""Benchmarks: the function, its passes and their costs."""
