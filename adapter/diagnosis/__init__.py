"""What rclone and QingStor said, understood: log records, warnings, failures, counts, progress, verdict. Pure."""
