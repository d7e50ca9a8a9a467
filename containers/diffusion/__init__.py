"""A diffusion model that paints under conditions: a mask, a coarse image, or a code of its look."""
