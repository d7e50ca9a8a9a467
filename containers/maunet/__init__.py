"""MAUNet: a ResNet encoder with two decoders, one for classes and one for distances."""
