"""The jobs of the functions in Function Compute, such as forward and replay; each is a module or a package.

A job imports no other job, except that compare imports headers: one function in Function Compute runs both jobs.
"""
