"""The tests, and what they run against."""
