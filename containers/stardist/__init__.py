"""StarDist, the package `stardist`, behind the contract."""
