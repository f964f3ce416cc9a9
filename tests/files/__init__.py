"""Tests of `adapter/files`."""
