"""nnU-Net v2, trained on border and core, in the shape of the package nnunetv2."""
