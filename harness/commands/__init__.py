"""The command line: thin commands over the functions that do the work."""
