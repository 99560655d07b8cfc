"""A warning about recordings whose rate is far below that of the segments of a model."""

from __future__ import annotations

from collections.abc import Sequence

from .._utils._warnings import warn

# The models in the package were trained on segments of 50 Hz, some of them of recordings of 20 Hz.
# Their predictions change little at this rate, and a lot at 12.5 Hz, which devices have too.
_MOST = 2.5


def warn_of_upsampling(rates: Sequence[float], target_rate: float, names: Sequence[str]) -> None:
    """Warn once if the rate of a model is more than 2.5 times that of some recordings.

    Parameters
    ----------
    rates : sequence of float
        Rate of each recording in Hz.
    target_rate : float
        Rate of the segments, which is that of the model, in Hz.
    names : sequence of str
        What to call each recording.
    """
    pairs = zip(rates, names, strict=True)
    low = [(rate, name) for rate, name in pairs if target_rate > _MOST * rate]
    if not low:
        return
    lowest, name = min(low)
    others = f", the lowest of {len(low)} such recordings" if len(low) > 1 else ""
    warn(
        f"Upsampling adds no information: {name} has {lowest:g} Hz{others}, and its segments get "
        f"{target_rate:g} Hz, the rate of the model. They lack movement above {lowest / 2:g} Hz. A "
        "model that was not trained on such recordings is wrong more often. Train one at the lower "
        "rate. If this is intended, call warnings.filterwarnings('ignore', "
        "message='Upsampling adds no information')."
    )
