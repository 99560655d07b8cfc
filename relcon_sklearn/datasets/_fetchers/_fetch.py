"""The code that all fetchers share: from a publisher's archive to cached recordings."""

import csv
import importlib.resources
import logging
import os
import re
import tempfile
from contextlib import ExitStack, contextmanager
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval

from ...exceptions import DamagedFileError
from .._npz_read import load_npz_recordings
from .._npz_write import save_npz_recordings
from ._archive import Archive
from ._data_home import get_data_home, is_read_only
from ._download import Source, download

__all__ = ["FETCH_CONSTRAINTS", "Source", "fetch_recordings", "to_frames"]

logger = logging.getLogger("relcon_sklearn")

# Constraints on the parameters that every fetcher has, for `validate_params`.
FETCH_CONSTRAINTS = {
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "as_frame": ["boolean"],
    "n_retries": [Interval(Integral, 0, None, closed="left")],
    "delay": [Interval(Real, 0.0, None, closed="left")],
    "progressbar": ["boolean"],
}


def fetch_recordings(
    sources,
    parse,
    *,
    version,
    variant="",
    data_home,
    download_if_missing,
    return_X_y,
    as_frame,
    n_retries,
    delay,
    progressbar,
):
    """Return the recordings of a data set; download and parse them if they are not cached.

    All files are in the folder NAME of the data home, where NAME is the name of the first source:
    the publisher's files, unmodified, and the parsed recordings as `NAME[-variant]-vVERSION.npz`,
    the cache. Once the cache exists, the publisher's files are not needed. They are kept, since
    another variant or a later version of the parser reads them again. In a folder that cannot be
    written, existing files are used, and nothing is kept. The description of the data
    set is `descr/NAME.rst` in this package.

    Parameters
    ----------
    sources : Source or list of Source
        The publisher's files.

    parse : callable
        Called with one argument for each source: an open `Archive` if its file name ends with
        ".zip", the `Path` otherwise. Returns the recordings as a Bunch without `DESCR`, `licence`
        and `citation`; `sampling_rate` may be an array with one rate for each recording. Called
        only if there is no cache.

    version : int
        Version of the parser. Increase it when `parse` returns different recordings for the same
        files.

    variant : str, default=""
        Chosen part of the data, such as "watch". Each variant has its own cache.

    data_home, download_if_missing, return_X_y, as_frame, n_retries, delay, progressbar
        The parameters of the fetcher (see `FETCH_CONSTRAINTS`).

    Returns
    -------
    data : Bunch, or (recordings, labels) with `return_X_y`
        With `as_frame`, the recordings are DataFrames (see `to_frames`); with both, the
        recordings are DataFrames of the channels and the labels are Series.

    Raises
    ------
    OSError
        If a file cannot be downloaded, opened or read.
    DamagedFileError
        If a file is damaged or has another content than `parse` expects.
    """
    if as_frame:
        check_pandas_support("as_frame=True")
    sources = [sources] if isinstance(sources, Source) else list(sources)
    name = sources[0].name
    folder = Path(get_data_home(data_home)) / name
    cache = folder / f"{'-'.join(filter(None, [name, variant]))}-v{version}.npz"
    if not cache.exists():
        with ExitStack() as stack:
            files = [
                download(
                    source,
                    folder,
                    download_if_missing=download_if_missing,
                    n_retries=n_retries,
                    delay=delay,
                    progressbar=progressbar,
                )
                for source in sources
            ]
            opened = [
                stack.enter_context(Archive(file)) if file.suffix == ".zip" else file
                for file in files
            ]
            with _report_damage(files):
                data = _through_cache(cache, parse(*opened))
    else:
        data = _load_cache(cache)
    data.update(read_description(name))
    return _in_requested_form(data, return_X_y, as_frame)


def read_description(name):
    """Return the description of a data set, and the licence and citation in it.

    Parameters
    ----------
    name : str
        Name of the data set. The file `descr/NAME.rst` has a field list with `:Licence:` and
        `:Citation:`.

    Returns
    -------
    fields : dict
        Has the keys `DESCR`, `licence` and `citation`.
    """
    file = importlib.resources.files(__package__) / "descr" / f"{name}.rst"
    text = file.read_text(encoding="utf-8")
    fields = {"DESCR": text}
    for field in ("licence", "citation"):
        # The value continues on the indented lines that follow.
        pattern = rf"^:{field.capitalize()}:((?:.*)(?:\n[ \t]+\S.*)*)"
        fields[field] = " ".join(re.search(pattern, text, re.MULTILINE).group(1).split())
    return fields


def to_frames(data):
    """Return recordings as DataFrames.

    Parameters
    ----------
    data : Bunch
        Recordings as a fetcher returns them.

    Returns
    -------
    frames : list of DataFrame
        The channels as float32 columns and the labels as a string column "label". The index is a
        DatetimeIndex if timestamps are dates, otherwise a TimedeltaIndex. Without timestamps, it
        starts at zero and advances at the sampling rate.
    """
    import pandas as pd

    frames = []
    n = len(data.recordings)
    rates = np.broadcast_to(data.sampling_rate, n)
    timestamps = data.timestamps or [None] * n
    rows = zip(data.recordings, data.labels, timestamps, rates, strict=True)
    for signal, label, stamps, rate in rows:
        if stamps is None:
            stamps = np.arange(len(signal)) / rate
        if stamps.dtype.kind == "M":
            index = pd.DatetimeIndex(stamps, name="time")
        else:
            nanoseconds = np.round(stamps * 1e9).astype("timedelta64[ns]")
            index = pd.TimedeltaIndex(nanoseconds, name="time")
        frame = pd.DataFrame(signal, columns=data.channel_names, index=index)
        frame["label"] = label
        frames.append(frame)
    return frames


def _in_requested_form(data, return_X_y, as_frame):
    """Return the recordings in the form that `return_X_y` and `as_frame` request."""
    if as_frame:
        data.recordings = to_frames(data)
        if return_X_y:
            X = [frame[data.channel_names] for frame in data.recordings]
            return X, [frame["label"] for frame in data.recordings]
    if return_X_y:
        return data.recordings, data.labels
    return data


@contextmanager
def _report_damage(files):
    """Replace the errors of a parser that meets unexpected content by a DamagedFileError."""
    try:
        yield
    except OSError:
        raise
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        paths = " or ".join(map(str, files))
        raise DamagedFileError(
            f"{paths} has unexpected content ({type(error).__name__}: {error}). Delete the file "
            "and call again to download it again. If the error persists, the publisher has changed "
            "the data: please report it."
        ) from error


def _through_cache(cache, parsed):
    """Write the cache and read it, in a temporary folder if the folder cannot be written."""
    try:
        _save_cache(cache, parsed)
    except OSError as error:
        if not is_read_only(error):
            raise
        logger.warning(
            "The parsed recordings are not kept, because %s cannot be written. The next call "
            "parses them again.",
            cache.parent,
        )
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / cache.name
            _save_cache(temporary, parsed)
            return _load_cache(temporary)
    return _load_cache(cache)


def _save_cache(cache, data):
    """Write the cache; it is never incomplete."""
    # The npz format has one sampling rate. Rates of single recordings are stored in another array.
    if np.ndim(data.sampling_rate):
        rates = np.asarray(data.sampling_rate)
        data.update(sampling_rate=float(np.median(rates)), recording_sampling_rate=rates)
    save_npz_recordings(cache, data)


def _load_cache(cache):
    """Read the cache."""
    try:
        data = load_npz_recordings(cache)
    except ValueError as error:
        raise DamagedFileError(
            f"The cached recordings {cache} cannot be read ({error}). Delete the file and call "
            "again to create it again."
        ) from error
    data.sampling_rate = data.pop("recording_sampling_rate", data.sampling_rate)
    numbers = {k: v.item() for k, v in data.items() if isinstance(v, np.ndarray) and v.ndim == 0}
    data.update(numbers)
    return data
