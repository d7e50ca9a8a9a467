"""Runs models in containers over datasets, and scores what they write."""
