"""What other programs rely on: error codes, events, answers and their JSON. Pure."""
