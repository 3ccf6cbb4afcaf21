"""Certificates of a cutover: their format, totals and rules, and their comparison with listings of the buckets."""
