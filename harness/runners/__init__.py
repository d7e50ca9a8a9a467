"""Ways to run a model's container: an engine, or a process on this machine."""
