"""Test Connection and doctor: what they find, in which words, in which time."""
