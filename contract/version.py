"""The version of cellbench, shared by the package and its containers."""

__version__ = "0.1.0"
