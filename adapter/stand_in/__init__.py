"""rclone's own command line, made safe for QingStor."""
