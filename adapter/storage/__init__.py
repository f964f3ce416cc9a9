"""One storage: Pluton's document checked, its section in rclone.conf, advice."""
