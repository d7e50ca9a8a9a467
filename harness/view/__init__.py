"""A local page that shows images of any size with the outlines of masks."""
