"""Certificates of a cutover: their format, totals and rules, and the comparison with listings."""
