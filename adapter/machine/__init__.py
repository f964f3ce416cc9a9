"""This machine: settings, one child process, cancellation, held files. Knows no rclone."""
