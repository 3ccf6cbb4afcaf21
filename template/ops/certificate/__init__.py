"""Checks of a cutover's certificate: its form, its counts and its rules, and its comparison with bucket listings."""
