"""Tests of the interpretation of rclone's output, with recorded lines, without a process."""
