"""The program rclone: what is asked of it, and with which keys and environment."""
