"""What rclone and QingStor said, understood: records, warnings, failures, counts, verdict. Pure."""
