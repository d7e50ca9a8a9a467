"""Readers of what the report is made from: a run or its scores, and published scores."""
