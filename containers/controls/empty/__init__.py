"""The control that finds nothing."""
