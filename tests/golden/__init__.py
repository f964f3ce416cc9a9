"""Logs of real rclones of several versions, and what the adapter makes of them."""
