"""The program rclone: found, given credentials, environment and flags, asked one short question."""
