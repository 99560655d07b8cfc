"""What counts as a sampling rate, and as the same one."""

from __future__ import annotations

import math
from numbers import Real

# Rates that differ by less are the same rate, rounded in different ways.
_RELATIVE_TOLERANCE = 1e-3


def is_rate(value) -> bool:
    """Whether a value is a sampling rate in Hz: a positive, finite number."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0


def rates_differ(rate: float | None, other: float | None) -> bool:
    """Whether both rates are known and are not the same."""
    return None not in (rate, other) and not math.isclose(rate, other, rel_tol=_RELATIVE_TOLERANCE)
