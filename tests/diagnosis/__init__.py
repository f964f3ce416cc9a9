"""What rclone said, understood: tested with recorded lines, without a process."""
