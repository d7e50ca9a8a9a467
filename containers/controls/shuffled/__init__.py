"""The control that must hurt: real images with the labels of others."""
