"""Damage of files: an error, or a warning if it is skipped."""

from __future__ import annotations

from .._utils._warnings import warn
from ..exceptions import DamagedFileError
from ._frame import File

_SHOWN = 3  # damaged places in a warning


def report_cut(file: File, problem: str) -> None:
    """Raise DamagedFileError for a file that was cut, or warn with ``file.skip``."""
    if not file.skip:
        raise DamagedFileError(
            f"{file.name} was cut: {problem}. Copy it from the device again. errors='skip' reads "
            "what is there."
        )
    warn(f"{file.name} was cut: {problem}. What is there was read.")


def warn_left_out(file: File, places: list[str]) -> None:
    """Warn that damaged places, each in words, were left out."""
    more = f", and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    warn(
        f"{file.name}: damaged parts were left out, and are gaps: {', '.join(places[:_SHOWN])}"
        f"{more}."
    )
