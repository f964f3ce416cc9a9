"""What other programs rely on, written down a second time from the contract."""
