"""Nuclei in two stages, shape and then texture, composed into images."""
