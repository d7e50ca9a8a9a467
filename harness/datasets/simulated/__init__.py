"""Datasets of pictures that `containers.base.simulated` draws."""
