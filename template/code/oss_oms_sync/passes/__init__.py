"""Comparison of the source bucket with the records: scopes, merged listings, classes, stored passes.

May import `delivery`, `ledger` and `clouds`.
"""
