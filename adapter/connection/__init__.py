"""Checks before a run: Test Connection stage by stage, and doctor, which looks at the whole machine."""
