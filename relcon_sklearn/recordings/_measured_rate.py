"""The rate by the times of samples, of tables and of CSV that programs of devices export."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from .._recordings._people import find_people
from .._recordings._stamps import Positions, typical_spacing
from ..exceptions import DamagedFileError
from ._frame import File

_PASS_FRAME = "Then pass the DataFrame, with its rate, units and time, to segment_recordings."
_DIGITS = 6  # of a measured rate
_LOWEST_RATE = 1.0  # Hz: fewer samples do not show motion
_HIGHEST_RATE = 10_000.0  # Hz: no device that is worn takes more samples
_FEWEST_INCREASING = 0.6  # share of steps in time: half of them do in the order of chance
_NEAR = 0.01  # the share by which a device may differ from a rate in whole Hz


def measure_rate(index, file: File, table=None) -> float:
    """Return the rate in Hz by the times of the samples. Near to whole Hz, it is that.

    The columns of `table`, which is None for the files of devices, may explain why times do not
    increase.
    """
    if len(index) < 2:
        raise DamagedFileError(f"{file.name} has {len(index)} samples. Leave it out.")
    values = index.tz_localize(None).to_numpy() if getattr(index, "tz", None) else index.to_numpy()
    kind = values.dtype.kind
    n_missing = np.count_nonzero(np.isnat(values))
    if n_missing:
        raise ValueError(
            f"{file.name} has {n_missing} samples without a time. Read it with pandas, and drop "
            f"these rows. {_PASS_FRAME}"
        )
    seconds = Positions(values.astype(f"{kind}8[ns]"), 1.0)
    step = np.diff(seconds[:])
    if not _mostly_increase(step):
        people = None if table is None else find_people(table, [])
        if people is not None:
            column, names = people
            raise ValueError(
                f"{file.name} has times that do not increase, and {len(names)} people in its "
                f"column {column!r}. Write a file for each person. Or read it with pandas, and "
                f"pass [own for _, own in frame.groupby({column!r})], with its rate, units and "
                "time, to segment_recordings."
            )
        other = " If another column has the times of the samples, name it in time."
        _raise_not_increasing(file, "" if table is None else other)
    spacing = typical_spacing(seconds)
    rate = 1 / spacing
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise ValueError(
            f"{file.name} has a sample every {spacing:.4g} s by its times. {_advice(table)}"
        )
    near_whole = abs(rate / max(round(rate), 1) - 1) <= _NEAR
    return float(round(rate, 0 if near_whole else _DIGITS))


def refuse_unordered(file: File, stamps: np.ndarray) -> None:
    """Raise ValueError if too few times of a device's file, in ns, are after those before them."""
    if len(stamps) > 1 and not _mostly_increase(np.diff(stamps)):
        _raise_not_increasing(file)


def _mostly_increase(step: np.ndarray) -> bool:
    return bool(np.mean(step > 0) > _FEWEST_INCREASING)


def _raise_not_increasing(file: File, more: str = "") -> NoReturn:
    raise ValueError(
        f"{file.name} has times that do not increase. Sort its rows by time. If many samples share "
        "a time, the resolution of its times is too low: export it with fractions of a second, "
        f"which Excel leaves out where it saves a file.{more}"
    )


def _advice(table) -> str:
    """Return what to do about times that are too close or too far apart for motion."""
    if table is None:
        return "If its rows are means of epochs, export the raw data."
    return (
        "Numbers are read in the unit of their column's name, and small ones without a unit as "
        "seconds. If they are in another unit, rename the column to time_s, time_ms, time_us or "
        "time_ns."
    )
