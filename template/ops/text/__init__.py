"""Answers as text: a module for each kind, whose `lines` yields what is printed."""
