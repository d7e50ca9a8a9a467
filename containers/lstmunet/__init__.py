"""LSTM-UNet: a U-Net whose encoder has a memory, on sequences made from one image."""
