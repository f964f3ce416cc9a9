"""What rclone and QingStor report: records, warnings, failures, counts, progress, verdict. Pure."""
