"""Helpers that several tests share: worlds, oracles of laws, and programs to run."""
