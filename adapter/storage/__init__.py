"""One QingStor storage: Pluton's document checked, its section in rclone.conf, advice on its settings."""
