"""Numbers and offsets from UTC in the text of headers."""

from __future__ import annotations

import re

import numpy as np

_OFFSET = re.compile(r"([+-]?)(\d\d?):(\d\d)(?::\d\d)?\s*$")


def read_number(text: str | None) -> float:
    """Return the number in a text, with a point or a comma, NaN if there is none."""
    try:
        return float((text or "").replace(",", "."))
    except ValueError:
        return np.nan


def read_offset(text: str) -> np.timedelta64 | None:
    """Return the offset at the end of a text such as "-04:00:00" or "GMT +01:00", or None."""
    found = _OFFSET.search(text)
    if found is None:
        return None
    minutes = 60 * int(found[2]) + int(found[3])
    return np.timedelta64(-minutes if found[1] == "-" else minutes, "m")
