"""The program rclone: its command lines, its keys and its environment."""
