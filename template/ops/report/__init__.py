"""Answers as blocks of a report; `ops.show` draws the blocks."""
