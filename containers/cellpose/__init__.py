"""The challenge's baseline: MONAI's U-Net on background, core and ring."""
