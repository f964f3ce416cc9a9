"""Benchmarks and timings: run by hand, never with the tests."""
