"""Backup, restore, verify, cleanup, and how each file travels."""
