"""Stamps with a time zone, or that are objects with UTC offsets."""

from __future__ import annotations

from datetime import timezone

import numpy as np


def has_time_zone(stamps) -> bool:
    """Return whether the dtype of stamps has a time zone, as pandas has it."""
    return getattr(getattr(stamps, "dtype", None), "tz", None) is not None


def has_offsets(stamps) -> bool:
    """Return whether stamps are objects with UTC offsets, such as those of mixed offsets."""
    return len(stamps) > 0 and all(getattr(stamp, "tzinfo", None) is not None for stamp in stamps)


def offsets_to_utc(stamps) -> np.ndarray:
    """Return stamps with UTC offsets as datetime64 in UTC."""
    return np.array([_to_utc(stamp) for stamp in stamps])


def _to_utc(stamp) -> np.datetime64:
    if hasattr(stamp, "to_datetime64"):  # pandas.Timestamp, which has nanoseconds
        return stamp.to_datetime64()
    return np.datetime64(stamp.astimezone(timezone.utc).replace(tzinfo=None))
