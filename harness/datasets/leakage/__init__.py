"""Equal and nearly equal images on two sides of a split."""
