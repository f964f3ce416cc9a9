"""The program rclone: found, given keys, environment and flags, asked one short question."""
