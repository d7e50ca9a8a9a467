"""Weights that come with the models: what they learn from, how they are made, and their cards."""
