"""The storage document and its section, checked against the real rclone where rclone decides."""
