"""The jobs of the functions, one module or package each.

A job may import every other package, but no other job, except that compare also runs passes of headers.
"""
