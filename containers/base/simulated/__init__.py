"""Draws cell images of four modalities with exact instance masks, from a seed and nothing else."""
