"""Units, rate and channels in the attributes of DataFrames, as readers of files set them."""

from __future__ import annotations

from ._units import UNITS


def own_rates(recordings: list, names: list[str]) -> list:
    """Return the rate that each recording has in its attributes.

    Raises
    ------
    ValueError
        If a recording does not have one.
    """
    rates = [_attribute(recording, "sampling_rate") for recording in recordings]
    if None in rates:
        raise ValueError(
            f"sampling_rate is None, and {names[rates.index(None)]} does not have its rate in "
            "frame.attrs['sampling_rate']. Pass the nominal rate in Hz. It is not guessed."
        )
    return rates


def own_units(recordings: list, names: list[str]) -> str | None:
    """Return the unit that the recordings have in their attributes, None if none has one.

    Raises
    ------
    ValueError
        If they differ, or if it is not a unit of acceleration.
    """
    units = [_attribute(recording, "units") for recording in recordings]
    other = next((i for i, unit in enumerate(units) if unit != units[0]), None)
    if other is not None:
        raise ValueError(
            f"units is None, and frame.attrs['units'] is {units[0]!r} in {names[0]}, but "
            f"{units[other]!r} in {names[other]}. Convert them to one unit, and pass it in units."
        )
    if units[0] is not None and units[0] not in UNITS:
        raise ValueError(
            f"units is None, and frame.attrs['units'] of {names[0]} is {units[0]!r}, which is not "
            f"a unit of acceleration. Pass one of {', '.join(map(repr, UNITS))}."
        )
    return units[0]


def own_channels(recordings: list) -> list | None:
    """Return the channels that all recordings have in their attributes and as columns, or None."""
    first = _attribute(recordings[0], "channels")
    if not isinstance(first, list | tuple):
        return None
    same = all(
        _attribute(recording, "channels") == first
        and set(first) <= set(getattr(recording, "columns", ()))
        for recording in recordings
    )
    return list(first) if same else None


def is_calibrated(recording) -> bool:
    """Return whether the attributes of a recording say that it is calibrated."""
    return _attribute(recording, "calibration") is not None


def _attribute(recording, name: str):
    """Return an attribute of a DataFrame, None if it has none or if this is an array."""
    attributes = getattr(recording, "attrs", None)
    return attributes.get(name) if isinstance(attributes, dict) else None
