"""The models there are: registry, settings, images, and what they were made from."""
