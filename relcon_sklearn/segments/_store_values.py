"""Checks and casts of the values that are appended to a segment store."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._utils._offsets import has_offsets, has_time_zone, offsets_to_utc
from ._array import check_values
from ._store_format import DTYPES, Header


def check_shape(X, header: Header) -> int:
    """Return the number of segments in `X`, after a check that they fit the store."""
    shape = np.shape(X) if not hasattr(X, "shape") else tuple(X.shape)
    expected = (header.n_timesteps, header.n_channels)
    if len(shape) != 3 or shape[1:] != expected:
        raise ValueError(
            f"X has shape {shape}. Expected (n_segments, {expected[0]}, {expected[1]}), the shape "
            "of this store's segments."
        )
    if shape[0] == 0:
        raise ValueError("X has no segments.")
    return shape[0]


def encode_segments(values, rows: np.ndarray, header: Header) -> np.ndarray:
    """Cast a block of segments to the dtype of the store; `rows` are their numbers in X."""
    if not isinstance(values, np.ma.MaskedArray):  # whose mask is checked below
        values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"X has dtype {values.dtype}. Expected real numbers.")
    check_values(values, rows)
    if header.scale is not None:
        values = np.rint(values / header.scale)
        limit = np.iinfo(np.int16)
    else:
        limit = np.finfo(DTYPES[header.dtype])
    outside = (values < float(limit.min)) | (values > float(limit.max))
    if outside.any():
        step = header.scale or 1.0
        row = rows[outside.reshape(len(rows), -1).any(axis=1)][0]
        raise ValueError(
            f"X contains {values[outside][0] * step:.4g} in row {row}, outside the range of dtype "
            f"{header.dtype!r} ({limit.min * step:.4g} to {limit.max * step:.4g} {header.units}). "
            "Store float32, or choose a larger scale."
        )
    return values.astype(DTYPES[header.dtype])


def check_columns(columns: Mapping, n: int, expected: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the values of each column in its dtype; `expected` maps names to dtypes."""
    if set(columns) != set(expected):
        raise ValueError(
            f"Got values for the columns {sorted(columns)}, but the store has {sorted(expected)}. "
            "Pass each column in every append."
        )
    return {name: _cast(columns[name], n, name, expected[name]) for name in expected}


def check_one_per_segment(values, n: int, name: str) -> np.ndarray:
    """Return values as an array of shape (n,); dates with a time zone as UTC."""
    if np.ma.is_masked(values):
        first = np.flatnonzero(np.ma.getmaskarray(values))[0]
        raise ValueError(
            f"{name} is masked at index {first}. Fill its masked values, or drop these segments."
        )
    if has_time_zone(values):
        import pandas

        values = pandas.DatetimeIndex(values).tz_convert(None)  # UTC
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(
            f"{name} has shape {values.shape}. Expected shape ({n},): one value for each segment."
        )
    if values.dtype == object and has_offsets(values):
        values = offsets_to_utc(values)
    return values


def _check_text(values, name: str) -> np.ndarray:
    """Return the values of a column of text, after a check that each is a str."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        return values
    # As objects, because NumPy turns NaN and numbers into text if a list holds text too.
    values = np.asarray(values, dtype=object)
    for i, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(
                f"{name} has {value!r} at index {i}, which is not a str. Pass a str for each "
                "segment, for example '' where it is missing."
            )
    return values.astype(np.str_)


def _cast(given, n: int, name: str, dtype: str) -> np.ndarray:
    """Cast the values of a column, which may lose precision only."""
    dtype = np.dtype(dtype)
    values = check_one_per_segment(given, n, name)
    if dtype.kind == "U" and values.dtype.kind in "UOT":
        values = _check_text(given, name)
    alike = (values.dtype.kind == "U") == (dtype.kind == "U")
    if not (alike and np.can_cast(values.dtype, dtype, "same_kind")):
        raise ValueError(
            f"{name} has dtype {values.dtype}, but its column has {dtype}. Convert the values, or "
            f"choose another dtype for columns[{name!r}] in a new store."
        )
    return _checked_cast(values, name, dtype)


def _checked_cast(values: np.ndarray, name: str, dtype: str) -> np.ndarray:
    """Cast values, none of which may be cut, wrapped or made infinite. Floats may be rounded."""
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    changed = np.flatnonzero(_out_of_range(values, cast))
    if len(changed):
        advice = "Correct the value, or choose a wider dtype for its column"
        if values.dtype.kind in "iu" and cast.dtype.kind == "f":
            advice += ", for example f8 or i8. To have integers rounded, pass floats"
        raise ValueError(
            f"{name} has {values[changed[0]]!r} at index {changed[0]}, which does not fit into "
            f"dtype {cast.dtype}. {advice}."
        )
    return cast


def _out_of_range(values: np.ndarray, cast: np.ndarray) -> np.ndarray:
    """Return which values a cast has cut, wrapped or made infinite, and integers it has changed."""
    if values.dtype.kind in "iu" and cast.dtype.kind == "f":
        return _changed_integers(values, cast)
    if cast.dtype.kind in "iuU":
        return cast != values
    if cast.dtype.kind == "f":
        return np.isfinite(values) & ~np.isfinite(cast)
    # Dates and durations wrap where the new unit is too fine for them.
    if values.dtype.kind in "mM" and np.can_cast(values.dtype, cast.dtype, "safe"):
        return (cast.astype(values.dtype) != values) & ~np.isnat(values)
    return np.zeros(len(values), dtype=bool)


def _changed_integers(values: np.ndarray, cast: np.ndarray) -> np.ndarray:
    """Return which integers a cast to floats has rounded or made infinite."""
    # The largest integers may have been rounded up to this limit, which they do not have.
    limit = float(np.iinfo(values.dtype).max) + 1
    cast = cast.astype(np.float64)
    inside = cast < limit
    return ~inside | (np.where(inside, cast, 0).astype(values.dtype) != values)
