"""The program as its users meet it: whole, with the real rclone and the local QingStor."""
