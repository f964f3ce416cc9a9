"""Tests of the stand-in for rclone, with the real rclone behind it."""
