"""load_npz_recordings, and the description of the npz format for recordings."""

import itertools

import numpy as np
from sklearn.utils import Bunch

from .._utils._dates import to_nanoseconds
from ._npz_arrays import read_arrays
from ._npz_format import RENAMED, as_signal, check_arrays

_REQUIRED = ("recording_start", "recording_subject", "sampling_rate", "units")

# Names of the Bunch that the file cannot use for arrays.
_RESERVED = {"recordings", "labels", "subjects", "timestamps"}

# Arrays that the Bunch always has, converted to a certain type.
_CONVERTED = {"sampling_rate", "units", "placement", "channel_names", "label_names"}


def load_npz_recordings(path):
    """Load recordings from an npz file, in the form in which the fetchers return them.

    The format is also meant for exporting your own recordings. It holds any number of recordings
    of any lengths, concatenated into one array, together with their labels and other metadata.
    :func:`save_npz_recordings` writes it, and so does
    ``numpy.savez_compressed(path, signal=..., recording_start=..., ...)``.

    Parameters
    ----------
    path : str or path-like
        An npz file that does not need pickle. It holds N samples of R recordings in these arrays:

        - ``signal``, float32 (N, n_channels): acceleration in g, all recordings concatenated; or
          ``signal_int16``, int16 (N, n_channels), with ``signal_scale``, one number above 0:
          g = int16 * scale
        - ``recording_start``, integers (R + 1,): index of the first sample of each recording,
          followed by N; starts at 0 and increases
        - ``recording_subject``, strings (R,): the subject of each recording
        - ``sampling_rate``, one number: nominal, in Hz
        - ``units``, one string: "g"

        These arrays are optional:

        - ``recording_label``, strings (R,): one label for each recording; "" if there is none
        - ``sample_label``, integers (N,), with ``label_names``, strings: the label of each sample
          is ``label_names[sample_label]``. Code 0 stands for unlabelled samples, and
          ``label_names[0]`` is ignored. These labels take precedence over ``recording_label``.
        - ``sample_timestamp``, float64 seconds or datetime64 (N,), from 1678 to 2262: when each
          sample was taken.
          Without it, sampling is assumed to be regular and without gaps.
        - ``placement``, one string: where the device was worn
        - ``channel_names``, strings (n_channels,)
        - any other ``recording_*`` array with one entry for each recording, and any other
          ``sample_*`` array with one entry for each sample
        - any other array; it is returned unchanged

    Returns
    -------
    data : Bunch
        - `recordings`: list of R float32 ndarrays (n_samples, n_channels), in g
        - `labels`: list of R str ndarrays (n_samples,); "" where a sample is unlabelled. The array
          of a recording with one label is read-only.
        - `subjects`: str ndarray (R,)
        - `timestamps`: list of R ndarrays (n_samples,), float64 seconds or datetime64[ns]; None
          without ``sample_timestamp``
        - `sampling_rate`: float, in Hz
        - `units`: "g"
        - `placement`: str, "" if the file has none
        - `channel_names`: list of str. If the file has none, "x", "y", "z" for three channels, and
          "channel_0", "channel_1", ... for any other number
        - `label_names`: list of str, without the name for unlabelled samples
        - `recording_label`, every other ``recording_*`` array and every other array of the file,
          under the same name; single strings as str
        - every other ``sample_*`` array, under the same name, as a list of R arrays

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    OSError
        If the file cannot be opened or read.
    ValueError
        If an array is missing, has another type or shape than above, or contradicts another array,
        if the units are not g, or if the signal is too large for float32.
    DamagedFileError
        If the file is not an npz file or is damaged, if it holds two arrays of one name, or if an
        array needs pickle. If the arrays have more than 256 MiB and more than 100 times the size
        of the file. :class:`~relcon_sklearn.exceptions.DamagedFileError` is a ValueError.

    See Also
    --------
    relcon_sklearn.segment_recordings : Cut recordings into segments.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import load_npz_recordings
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.npz")
    ...     np.savez_compressed(
    ...         path,
    ...         signal=rng.normal(size=(1000, 3)).astype(np.float32),
    ...         recording_start=[0, 600, 1000],
    ...         recording_subject=["ann", "bob"],
    ...         recording_label=["walking", "sitting"],
    ...         recording_age=[31, 48],
    ...         sampling_rate=50.0,
    ...         units="g",
    ...     )
    ...     data = load_npz_recordings(path)
    >>> [recording.shape for recording in data.recordings]
    [(600, 3), (400, 3)]
    >>> data.labels[1][:2].tolist(), data.label_names, data.recording_age.tolist()
    (['sitting', 'sitting'], ['sitting', 'walking'], [31, 48])
    """
    arrays = read_arrays(path, lambda names: _check_names(names, path))
    if str(arrays["units"]) != "g":
        raise ValueError(
            f"{path}: units must be 'g'. Got {str(arrays['units'])!r}. Convert the signal to g."
        )
    signal, start = _read_signal(arrays, path), arrays["recording_start"]
    check_arrays(arrays, len(signal), path)
    split = _Split(start)
    labels, label_names = _read_labels(arrays, split, path)
    others = {
        name: split(values) if name.startswith("sample_") else _unwrap_scalar(values)
        for name, values in arrays.items()
        if name not in RENAMED | _CONVERTED
    }
    return Bunch(
        **others,
        recordings=split(signal),
        labels=labels,
        subjects=arrays["recording_subject"].astype(str),
        timestamps=_read_timestamps(arrays, split, path),
        sampling_rate=float(arrays["sampling_rate"]),
        units="g",
        placement=str(arrays.get("placement", "")),
        channel_names=_read_channel_names(arrays, signal.shape[1], path),
        label_names=label_names,
    )


def _check_names(names, path):
    """Raise ValueError if a file lacks arrays, or has arrays with names of the Bunch."""
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise ValueError(f"{path} lacks the arrays {', '.join(missing)}.")
    reserved = sorted(_RESERVED & set(names))
    if reserved:
        raise ValueError(
            f"{path} has arrays named {', '.join(reserved)}. These names are reserved for the "
            "returned Bunch. Rename the arrays."
        )
    if "signal" not in names and not {"signal_int16", "signal_scale"} <= set(names):
        raise ValueError(
            f"{path} lacks a signal. Expected the array signal, or signal_int16 and signal_scale."
        )


class _Split:
    """Split arrays with one entry for each sample into one array for each recording."""

    def __init__(self, start):
        self.bounds = list(itertools.pairwise(start.tolist()))

    def __call__(self, values):
        return [values[start:stop] for start, stop in self.bounds]


def _read_signal(arrays, path):
    """Return the signal (N, n_channels) in g, as float32."""
    if "signal" in arrays:
        return as_signal(arrays["signal"], f"{path}: signal")
    return as_signal(
        arrays["signal_int16"], f"{path}: signal_int16", _read_scale(arrays["signal_scale"], path)
    )


def _read_scale(scale, path):
    """Return the value of an integer step as float32."""
    if scale.dtype.kind not in "iuf":
        raise ValueError(f"{path}: signal_scale must be real numbers. Got dtype {scale.dtype}.")
    if scale.size != 1:
        raise ValueError(f"{path}: signal_scale must be one number. Got shape {scale.shape}.")
    with np.errstate(over="ignore", under="ignore"):
        step = scale.reshape(()).astype(np.float32)
    if not 0 < step < np.inf:
        raise ValueError(
            f"{path}: signal_scale must be a finite number above 0, in float32. Got {scale}."
        )
    return step


def _read_labels(arrays, split, path):
    """Return the labels of the samples of each recording, and the list of all label names."""
    names = arrays["label_names"].astype(str) if "label_names" in arrays else None
    if "sample_label" in arrays:
        if names is None:
            raise ValueError(f"{path} has sample_label, but lacks label_names.")
        codes = arrays["sample_label"]
        if codes.dtype.kind not in "iu":
            raise ValueError(
                f"{path}: sample_label must be integers, which are indices into label_names. Got "
                f"dtype {codes.dtype}."
            )
        if codes.min() < 0 or codes.max() >= len(names):
            raise ValueError(
                f"{path}: sample_label must be from 0 to {len(names) - 1}, since label_names has "
                f"{len(names)} names. Got {codes.min()} to {codes.max()}."
            )
        names[0] = ""
        return [names[part] for part in split(codes)], names[1:].tolist()
    of_recording = arrays.get("recording_label", np.full(len(split.bounds), "")).astype(str)
    # One string is broadcast to all samples of a recording: copies of long labels would need much
    # memory.
    labels = [
        np.broadcast_to(label, stop - start)
        for label, (start, stop) in zip(of_recording, split.bounds, strict=True)
    ]
    known = sorted(set(of_recording.tolist()) - {""}) if names is None else names[1:].tolist()
    return labels, known


def _read_timestamps(arrays, split, path):
    """Return the timestamps of each recording; None if the file has no timestamps."""
    if "sample_timestamp" not in arrays:
        return None
    stamps = arrays["sample_timestamp"]
    if stamps.dtype.kind not in "iufM":
        raise ValueError(
            f"{path}: sample_timestamp must be datetime64 or numbers of seconds. Got dtype "
            f"{stamps.dtype}."
        )
    if stamps.dtype.kind == "M":
        return split(to_nanoseconds(stamps, f"{path}: sample_timestamp"))
    return split(stamps.astype(np.float64))


def _read_channel_names(arrays, n_channels, path):
    """Return the names of the channels; default names if the file has none."""
    if "channel_names" not in arrays:
        return list("xyz") if n_channels == 3 else [f"channel_{i}" for i in range(n_channels)]
    names = arrays["channel_names"].astype(str).tolist()
    if len(names) != n_channels:
        raise ValueError(
            f"{path}: channel_names has {len(names)} names, but there are {n_channels} channels."
        )
    return names


def _unwrap_scalar(values):
    """Return the value of a 0-D array, and other arrays unchanged."""
    return values.item() if values.ndim == 0 else values
