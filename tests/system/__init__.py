"""Tests with programs that are installed by Debian's packages; `make test-system` runs them."""
