"""Finding out before a run: Test Connection stage by stage, and doctor."""
