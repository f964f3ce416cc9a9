"""Backups that can be trusted: what travels how, what is sent again, and what is never missed."""
