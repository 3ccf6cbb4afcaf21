"""Benchmarks of the project's functions: time, memory, requests and costs, measured or simulated."""
