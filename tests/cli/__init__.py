"""The command line as its users meet it: the whole program, the real rclone, the local QingStor."""
