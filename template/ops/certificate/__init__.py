"""Certificates of a cutover: their form, sums and rules, and the comparison with listings."""
