"""Files that the package actfast reads."""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import DamagedFileError
from ._damage import warn_left_out
from ._frame import File


def read_by_actfast(file: File) -> dict:
    """Return what actfast reads from a file.

    With ``file.skip``, damaged parts are left out, and a warning names them. Errors are those of
    :func:`parse`.
    """
    content = parse(file)
    if content["warnings"]:
        warn_left_out(file, content["warnings"])
    return content


def parse(file: File, reword: Callable[[str], str] = str) -> dict:
    """Return what actfast reads from a file, with what ``file.skip`` left out in its `warnings`.

    Parameters
    ----------
    file : File
        The file.
    reword : callable
        Returns the text about damage for errors, given that of actfast.

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
        return actfast.read(file.path, lenient=file.skip)
    except ValueError as error:
        remedy = "" if file.skip else " errors='skip' leaves out what is damaged, where it can be."
        text = reword(str(error))
        raise DamagedFileError(f"{file.name} is damaged: {text}.{remedy}") from None
