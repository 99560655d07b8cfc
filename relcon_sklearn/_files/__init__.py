"""Estimators in files that are safe to load and that say what is wrong with them."""

from ._saved import SavedAsFile

__all__ = ["SavedAsFile"]
