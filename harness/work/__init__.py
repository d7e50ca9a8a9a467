"""The work of a run: its items and steps, what is reused, and what is recorded."""
