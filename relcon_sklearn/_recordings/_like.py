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
    lengths, rate = training_layout(like)
    instead = "Pass window and target_rate instead"
    if rate is None:
        raise ValueError(
            "like does not know the sampling rate of the segments it was trained on. "
            f"{instead}, or fit it with the parameter sampling_rate set."
        )
    n_timesteps = only_length(lengths, rate, "like", instead)
    if n_timesteps is None:
        raise ValueError(
            "like does not know the number of time steps of the segments it was trained on. "
            f"{instead}."
        )
    return n_timesteps / rate, rate


def training_layout(model) -> tuple[list[int], float | None]:
    """Return numbers of time steps and the rate in Hz of the segments a model was trained on.

    What it does not know is [] or None, also for a model that is not of relcon_sklearn. Of several
    models in it, those in the fewest FrozenEstimators tell the number of time steps: frozen ones
    may have been trained on segments of another length before. If these differ, there are several
    numbers, increasing.

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
    return sorted(lengths), next(iter(rates), None)


def only_length(lengths: list[int], rate: float, name: str, advice: str) -> int | None:
    """Return the only one of some numbers of time steps, or None if there is none.

    Parameters
    ----------
    lengths : list of int
        Numbers of time steps of the segments that a model was trained on.
    rate : float
        Their rate in Hz.
    name, advice : str
        What to call the model in an error, and what to do.

    Raises
    ------
    ValueError
        If there are several.
    """
    if len(lengths) > 1:
        known = " and ".join(f"{n} time steps ({n / rate:.4g} s)" for n in lengths)
        raise ValueError(
            f"{name} contains models that were trained on segments of {known}, and does not know "
            f"on which of these it was fitted as a whole. {advice}."
        )
    return next(iter(lengths), None)


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
