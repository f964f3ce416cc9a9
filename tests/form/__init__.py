"""The form and everything it is made of, checked against the real rclone where rclone decides."""
