"""This machine: settings, one child process, cancellation, held files, atomic files. Knows no rclone."""
