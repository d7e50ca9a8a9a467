"""Scores masks of cells against the truth and renders the report.

The public names are those of `__init__.pyi`. Importing the package loads nothing; a name loads
its module when it is first used, so that whoever needs one part does not wait for all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
