"""What rclone and QingStor said, understood: records, warnings, failures, counts, progress, verdict. Pure."""
