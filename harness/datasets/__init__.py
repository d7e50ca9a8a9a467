"""Datasets: the folder layout, its check, and simulated images."""
