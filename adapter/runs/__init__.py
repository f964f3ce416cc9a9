"""A run: rclone supervised, one summary at the end, locked against others, recorded on disk, watched."""
