"""Checks of the entries of a header that describe what an estimator has learned."""

from __future__ import annotations

import math

import numpy as np


def check_entry(holds: bool, what: str) -> None:
    """Raise ValueError, about the entry `what`, unless a condition holds."""
    if not holds:
        raise ValueError(f"{what} is not as an estimator has it")


def as_count(value) -> int:
    """Return a positive integer."""
    check_entry(type(value) is int and value > 0, f"the count {value!r}")
    return value


def as_numbers(value, what: str) -> np.ndarray:
    """Return finite numbers as float64, a scalar or a vector."""
    values = value if isinstance(value, list) else [value]
    check_entry(all(isinstance(v, float) and math.isfinite(v) for v in values), what)
    return np.array(value, dtype=np.float64)[()]


def are_strings(values) -> bool:
    """Whether `values` is a list of strings."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
