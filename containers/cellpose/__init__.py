"""Cellpose 3, the package `cellpose`, behind the contract."""
