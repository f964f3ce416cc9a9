"""Tests of one child process and its supervision, with scripted children, without rclone."""
