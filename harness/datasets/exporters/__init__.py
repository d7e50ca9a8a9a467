"""Masks in the formats of other programs: one format, one file."""
