"""Files that the package actfast reads."""

from __future__ import annotations

from .._utils._warnings import warn
from ..exceptions import DamagedFileError
from ._frame import File

_SHOWN = 3  # damaged places in a warning


def read_by_actfast(file: File) -> dict:
    """Return what actfast reads from a file.

    With ``file.skip``, damaged parts are left out, and a warning names them.

    Raises
    ------
    DamagedFileError
        If the file is damaged.
    ImportError
        If actfast is not installed.
    """
    try:
        import actfast
    except ImportError as error:
        raise ImportError(
            f"actfast reads {file.name}, and it is not installed. Install it with: pip install "
            "relcon_sklearn[devices]"
        ) from error
    try:
        content = actfast.read(file.path, lenient=file.skip)
    except ValueError as error:
        remedy = "" if file.skip else " errors='skip' leaves out what is damaged, where it can be."
        raise DamagedFileError(f"{file.name} is damaged: {error}.{remedy}") from None
    if content["warnings"]:
        warn_left_out(file, content["warnings"])
    return content


def warn_left_out(file: File, places: list[str]) -> None:
    """Warn that damaged places, each in words, were left out."""
    more = f", and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    warn(
        f"{file.name}: damaged parts were left out, and are gaps: {', '.join(places[:_SHOWN])}"
        f"{more}."
    )
