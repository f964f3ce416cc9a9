"""Tests of what other programs rely on; the values are copied from the contract, not from the code."""
