"""Tests of `rclone_conf`, most of them against the real rclone."""
