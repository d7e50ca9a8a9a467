"""The control that gives real images which were held back."""
