"""Types of the jobs' answers and of stored objects, whose fields define the JSON.

The modules import only the standard library and each other.
"""
