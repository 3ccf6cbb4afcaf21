"""Helpers that several tests share: fake clouds, laws to be held, commands to be run."""
