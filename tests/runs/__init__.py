"""Runs as others see them: records, locks, commands, signals, and what survives rough treatment."""
