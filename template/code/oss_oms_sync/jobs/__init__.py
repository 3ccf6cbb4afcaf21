"""The jobs of the functions in Function Compute, such as forward and replay; each is a module or a package.

A job imports no other job. The exception is compare: its function also runs the passes of headers.
"""
