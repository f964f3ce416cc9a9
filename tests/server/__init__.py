"""The tests of the local QingStor server."""
