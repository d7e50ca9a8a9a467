"""A model that looks for the truth."""
