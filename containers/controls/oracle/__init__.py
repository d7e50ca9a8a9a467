"""The control that returns the truth."""
