"""Answers as web pages, each in one file: no script, and nothing that is fetched from anywhere."""
