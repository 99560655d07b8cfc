"""Sampling rates that arrays and models know, and their comparison."""

from __future__ import annotations

from .._utils._rates import is_rate, rates_differ


def rate_of(thing, attribute: str = "sampling_rate") -> float | None:
    """Return the sampling rate in Hz that an array or a model knows, or None.

    Other values are not rates, such as a column of a data frame that has the name.
    """
    rate = getattr(thing, attribute, None)
    return float(rate) if is_rate(rate) else None


def agreed_rate(
    parameter: float | None, rate: float | None, holder: str, *, is_array: bool = False
) -> float | None:
    """Return the parameter `sampling_rate` of an estimator or, if it is None, the known rate.

    Parameters
    ----------
    parameter : float or None
        The parameter.
    rate : float or None
        The known rate.
    holder : str
        Name of what has the known rate: an array or an estimator.
    is_array : bool, default=False
        Whether it is an array, which can be converted to one that has no rate.

    Raises
    ------
    ValueError
        If both are known and differ.
    """
    if parameter is None:
        return rate
    if rates_differ(parameter, rate):
        raise ValueError(
            f"sampling_rate={parameter:g}, but {holder} has a sampling rate of {rate:g} Hz. Pass "
            "None or the same rate."
            + is_array
            * f" Plain arrays, for example np.asarray({holder}), have no sampling rate."
        )
    return float(parameter)


def check_rate(
    rate: float | None, trained: float | None, name: str, model: str, *, is_parameter: bool = False
) -> None:
    """Raise ValueError if a rate and the rate that a model was fitted with differ.

    Parameters
    ----------
    rate, trained : float or None
        The rate of segments, and the rate of the training segments.
    name, model : str
        Names of the array and of the class of the model, for the message.
    is_parameter : bool, default=False
        Whether `rate` is a parameter of the estimator around the model. Otherwise the array has it.
    """
    if not rates_differ(rate, trained):
        return
    fitted = f"but {model} was fitted with segments of {trained:g} Hz."
    resample = f"resample the recordings with segment_recordings(..., target_rate={trained:g})"
    if is_parameter:
        raise ValueError(
            f"sampling_rate={rate:g}, {fitted} Pass None or the same rate. If {name} has "
            f"{rate:g} Hz, {resample}."
        )
    raise ValueError(
        f"{name} has a sampling rate of {rate:g} Hz, {fitted} To convert {name}, {resample}. To "
        f"use {name} unmodified, pass a plain array, for example np.asarray({name}), and no other "
        "sampling_rate."
    )
