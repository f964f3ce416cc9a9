"""Backups on QingStor object storage, carried by rclone, for Pluton and for administrators."""
