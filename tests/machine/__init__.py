"""One child process and what keeps it in hand: tested with scripted children, without rclone."""
