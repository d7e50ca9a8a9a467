"""The control that places real cells anew."""
