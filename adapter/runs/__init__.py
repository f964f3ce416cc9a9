"""A run: rclone supervised, one summary at the end, locked, recorded, watched."""
