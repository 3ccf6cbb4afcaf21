"""Helpers of the tests: worlds, oracles of laws, and programs to run.

A world is a simulated project between both clouds, on which a test acts. A law is a property that holds in every random
world; its oracle computes the expected results without the project's code.
"""
