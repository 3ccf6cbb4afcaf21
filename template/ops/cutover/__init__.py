"""Cutover: its freeze, its steps, closing and opening the project."""
