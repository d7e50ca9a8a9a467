"""Readers of what the report is made from."""
