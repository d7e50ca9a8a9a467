"""The control that thresholds."""
