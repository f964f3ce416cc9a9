"""The project itself: its structure and its pages, read from the source."""
