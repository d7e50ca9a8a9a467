"""How each file format is opened: one file, its own pixels, and what was passed over."""
