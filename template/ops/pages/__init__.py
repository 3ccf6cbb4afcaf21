"""Answers as web pages: one file each, without a script, and nothing is fetched."""
