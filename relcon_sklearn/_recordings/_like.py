"""Length and rate of segments as a fitted model expects them."""

from __future__ import annotations

# Published length of segments: 256 samples at 100 Hz.
_WINDOW = 2.56


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
    if _model_in(like) is None:
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

    What it does not know is None, also for a model that is not of relcon_sklearn.
    """
    own = _model_in(model)
    return getattr(own, "_n_timesteps_in", None), getattr(own, "sampling_rate_", None)


def _model_in(like):
    """Return the first fitted estimator with a sampling rate, which may be unknown, or None."""
    if like is None or hasattr(like, "sampling_rate_"):  # also of the one in a FrozenEstimator
        return like
    inner = [step for _, step in getattr(like, "steps", ())]  # of a pipeline
    inner += [part for _, part in getattr(like, "transformer_list", ())]  # of a union
    inner.append(getattr(like, "best_estimator_", None))  # of a search
    return next((model for model in map(_model_in, inner) if model is not None), None)
