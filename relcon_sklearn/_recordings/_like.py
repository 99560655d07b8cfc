"""Length and rate of segments as a fitted model expects them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator

from .._utils._frozen import is_frozen
from .._utils._rates import rates_differ

# Published length of segments: 256 samples at 100 Hz.
_WINDOW = 2.56

# Parameters of a pipeline and of a union that are fitted themselves. Others are cloned before.
_FITTED_IN_PLACE = ("steps", "transformer_list")


def window_and_rate(
    like, window: float | None, target_rate: float | None
) -> tuple[float, float | None]:
    """Return the length of segments in s and their rate in Hz, or None for that of the recordings.

    Parameters
    ----------
    like : estimator or None
        Fitted model, or an estimator that contains one, for which the segments are made.
    window, target_rate : float or None
        Values that the user passed.

    Raises
    ------
    ValueError
        If the values of the user are passed together with `like`, or if `like` does not know the
        rate and the number of time steps of its training segments.
    """
    if like is None:
        return _WINDOW if window is None else window, target_rate
    values = {"window": window, "target_rate": target_rate}
    given = [f"{name}={value}" for name, value in values.items() if value is not None]
    if given:
        raise ValueError(
            f"like cannot be used together with {' and '.join(given)}. It replaces window and "
            "target_rate. Pass like, or these."
        )
    if not any(_models_in(like)):
        raise ValueError(
            f"like is a {type(like).__name__}, which neither is nor contains a fitted estimator of "
            "relcon_sklearn. Fit it first, or pass window and target_rate instead."
        )
    n_timesteps, rate = training_layout(like)
    if rate is None or n_timesteps is None:
        what = "sampling rate" if rate is None else "number of time steps"
        raise ValueError(
            f"like does not know the {what} of the segments it was trained on. Pass window and "
            "target_rate instead, or fit it with the parameter sampling_rate set."
        )
    return n_timesteps / rate, rate


def training_layout(model) -> tuple[int | None, float | None]:
    """Return the number of time steps and the rate in Hz of the segments a model was trained on.

    What it does not know is None, also for a model that is not of relcon_sklearn. Of several
    models in it, those in the fewest FrozenEstimators tell the number of time steps: frozen ones
    may have been trained on segments of another length before.

    Raises
    ------
    ValueError
        If there are models of different rates in it.
    """
    found = sorted(_models_in(model), key=lambda pair: pair[0])
    rates = {own.sampling_rate_: own for _, own in found if own.sampling_rate_ is not None}
    if rates and rates_differ(min(rates), max(rates)):
        known = " and ".join(f"a {type(own).__name__} of {r:g} Hz" for r, own in rates.items())
        raise ValueError(
            f"The {type(model).__name__} contains {known}, but all of its models get the same "
            "segments. Fit them with the same sampling_rate."
        )
    lengths = {
        own._n_timesteps_in
        for n_frozen, own in found
        if n_frozen == found[0][0] and hasattr(own, "_n_timesteps_in")
    }
    return lengths.pop() if len(lengths) == 1 else None, next(iter(rates), None)


def _models_in(part, n_frozen: int = 0) -> Iterator[tuple[int, Any]]:
    """Yield the fitted models with a sampling rate, which may be unknown, that an object contains.

    With each comes the number of FrozenEstimators around it.
    """
    if is_frozen(part):
        yield from _models_in(part.estimator, n_frozen + 1)
    elif hasattr(part, "sampling_rate_"):
        yield n_frozen, part
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from _models_in(inner, n_frozen)
    elif isinstance(part, BaseEstimator):
        for name, value in vars(part).items():
            if name.endswith("_") or name in _FITTED_IN_PLACE:
                yield from _models_in(value, n_frozen)
    elif hasattr(part, "estimator"):  # of a CalibratedClassifierCV, which keeps no estimators
        yield from _models_in(part.estimator, n_frozen)
