"""Reading other programs' datasets into the challenge's layout; a format is a file."""
