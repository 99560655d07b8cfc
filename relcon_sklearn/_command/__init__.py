"""The commands of ``python -m relcon_sklearn``."""

from ._main import main

__all__ = ["main"]
