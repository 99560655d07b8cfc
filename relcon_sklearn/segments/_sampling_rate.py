"""Sampling rates that arrays and models know, and their comparison."""

from __future__ import annotations

import math
from numbers import Real

# Rates that differ by less are the same rate, rounded in different ways.
_RELATIVE_TOLERANCE = 1e-3


def rate_of(thing, attribute: str = "sampling_rate") -> float | None:
    """Return the sampling rate in Hz that an array or a model knows, or None.

    Other values are not rates, such as a column of a data frame that has the name.
    """
    rate = getattr(thing, attribute, None)
    return float(rate) if is_rate(rate) else None


def is_rate(value) -> bool:
    """Whether a value is a sampling rate in Hz: a positive, finite number."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0


def agreed_rate(parameter: float | None, rate: float | None, what: str) -> float | None:
    """Return the parameter `sampling_rate` of an estimator or, if it is None, the rate of `what`.

    Raises
    ------
    ValueError
        If both are known and differ.
    """
    if parameter is None:
        return rate
    if _differ(parameter, rate):
        raise ValueError(
            f"sampling_rate={parameter:g}, but {what} has a sampling rate of {rate:g} Hz. Pass "
            "None or the same rate. Plain arrays, for example np.asarray(X), have no sampling rate."
        )
    return float(parameter)


def check_rate(rate: float | None, trained: float | None, name: str, model: str) -> None:
    """Raise ValueError if the rate of `name` and the rate that a model was fitted with differ."""
    if _differ(rate, trained):
        raise ValueError(
            f"{name} has a sampling rate of {rate:g} Hz, but {model} was fitted with segments of "
            f"{trained:g} Hz. Resample the recordings with segment_recordings(..., "
            f"target_rate={trained:g}). To use {name} unmodified, pass a plain array, for example "
            f"np.asarray({name}), and no other sampling_rate."
        )


def _differ(rate: float | None, other: float | None) -> bool:
    """Whether both rates are known and are not the same."""
    return None not in (rate, other) and not math.isclose(rate, other, rel_tol=_RELATIVE_TOLERANCE)
