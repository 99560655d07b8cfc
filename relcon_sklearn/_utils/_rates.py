"""What counts as a sampling rate."""

from __future__ import annotations

import math
from numbers import Real


def is_rate(value) -> bool:
    """Whether a value is a sampling rate in Hz: a positive, finite number."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0
