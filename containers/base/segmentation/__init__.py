"""What the segmentation models share: targets, crops, training, tiling, decoding.

Import from the modules themselves; nothing heavy happens here.
"""
