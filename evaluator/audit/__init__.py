"""What should be asked of a published table of scores by image, whoever made it."""
