"""Checks of the header entries that describe the fitted state of an estimator."""

from __future__ import annotations

import math

import numpy as np


def check_entry(holds: bool, what: str) -> None:
    """Raise a ValueError that names the entry `what` unless a condition holds."""
    if not holds:
        raise ValueError(f"{what} is not valid for a fitted estimator")


def as_count(value) -> int:
    """Return `value` if it is a positive integer, else raise ValueError."""
    check_entry(type(value) is int and value > 0, f"the count {value!r}")
    return value


def as_numbers(value, what: str) -> np.ndarray:
    """Return one finite float, or a list of finite floats, as float64."""
    values = value if isinstance(value, list) else [value]
    check_entry(all(isinstance(v, float) and math.isfinite(v) for v in values), what)
    return np.array(value, dtype=np.float64)[()]


def are_strings(values) -> bool:
    """Whether `values` is a list of strings."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
