"""Data that the functions and ops.py exchange: answers of jobs, whose fields define the JSON, texts and object names.

The modules of this package import only the standard library and each other.
"""
