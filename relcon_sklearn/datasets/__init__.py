"""Generated recordings for demonstrations and tests."""

from ._motion import make_motion

__all__ = ["make_motion"]
