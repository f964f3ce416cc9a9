"""This machine: settings, one child process, cancellation, held files, atomic files. Does not use rclone."""
