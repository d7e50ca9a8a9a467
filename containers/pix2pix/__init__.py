"""A conditional GAN: from a mask to an image, or from the last frames of a movie to the next."""
