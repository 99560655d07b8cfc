"""Reading recordings from an npz file; the format is described at load_npz_recordings."""

import itertools
import zipfile
import zlib

import numpy as np
from sklearn.utils import Bunch

_REQUIRED = ("recording_start", "recording_subject", "sampling_rate", "units")
_TAKEN = {"recordings", "labels", "subjects", "timestamps"}

# Arrays that the Bunch holds under other names.
RENAMED = {
    "signal",
    "signal_int16",
    "signal_scale",
    "recording_start",
    "recording_subject",
    "sample_label",
    "sample_timestamp",
}
# Arrays that the Bunch always has, as a certain type.
_TYPED = {"sampling_rate", "units", "placement", "channel_names", "label_names"}


def read_npz(path):
    """Return the recordings in a file as a Bunch."""
    arrays = _read_arrays(path)
    missing = [name for name in _REQUIRED if name not in arrays]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}.")
    if str(arrays["units"]) != "g":
        raise ValueError(
            f"{path}: units is {str(arrays['units'])!r}, but must be 'g'. Convert the signal first."
        )
    if _TAKEN & set(arrays):
        raise ValueError(
            f"{path} has arrays named {', '.join(sorted(_TAKEN & set(arrays)))}, which are names "
            "of what is returned. Rename them."
        )
    signal, start = _read_signal(arrays, path), arrays["recording_start"]
    check_arrays(arrays, len(signal), path)
    split = _Split(start)
    labels, label_names = _read_labels(arrays, split, path)
    others = {
        name: split(values) if name.startswith("sample_") else _plain(values)
        for name, values in arrays.items()
        if name not in RENAMED | _TYPED
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


class _Split:
    """Split arrays with one entry a sample at the starts of the recordings."""

    def __init__(self, start):
        self.bounds = list(itertools.pairwise(start.tolist()))

    def __call__(self, values):
        return [values[start:stop] for start, stop in self.bounds]


def _read_arrays(path):
    """Return all arrays of an npz file."""
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path} is no npz file, or only a part of one.")
    arrays = {}
    with np.load(path, allow_pickle=False) as data:
        for name in data.files:
            try:
                arrays[name] = data[name]
            except (ValueError, zipfile.BadZipFile, zlib.error) as error:
                raise ValueError(f"{path}: the array {name} cannot be read: {error}") from error
    return arrays


def _read_signal(arrays, path):
    """Return the signal (N, n_channels) in g, as float32."""
    if "signal" in arrays:
        signal = arrays["signal"].astype(np.float32, copy=False)
    elif "signal_int16" in arrays and "signal_scale" in arrays:
        signal = np.multiply(arrays["signal_int16"], arrays["signal_scale"], dtype=np.float32)
    else:
        raise ValueError(f"{path} lacks signal, or signal_int16 and signal_scale.")
    if signal.ndim != 2:
        raise ValueError(f"{path}: signal has shape {signal.shape}, but must be (N, n_channels).")
    return signal


def _read_labels(arrays, split, path):
    """Return the labels of the samples of each recording, and the names of all labels."""
    names = arrays["label_names"].astype(str) if "label_names" in arrays else None
    if "sample_label" in arrays:
        if names is None:
            raise ValueError(f"{path} has sample_label, but lacks label_names for its codes.")
        codes = arrays["sample_label"]
        if codes.dtype.kind not in "iu" or codes.ndim != 1:
            raise ValueError(
                f"{path}: sample_label has dtype {codes.dtype} and shape {codes.shape}, but must "
                "be integers, one a sample, which count in label_names."
            )
        if codes.min() < 0 or codes.max() >= len(names):
            raise ValueError(
                f"{path}: sample_label has {codes.min()} to {codes.max()}, but label_names only "
                f"{len(names)} names, 0 to {len(names) - 1}."
            )
        names[0] = ""
        return [names[part] for part in split(codes)], names[1:].tolist()
    of_recording = arrays.get("recording_label", np.full(len(split.bounds), "")).astype(str)
    # One string for all samples of a recording: repeated, long labels would fill the memory.
    labels = [
        np.broadcast_to(label, stop - start)
        for label, (start, stop) in zip(of_recording, split.bounds, strict=True)
    ]
    known = sorted(set(of_recording.tolist()) - {""}) if names is None else names[1:].tolist()
    return labels, known


def _read_timestamps(arrays, split, path):
    """Return the timestamps of each recording; None where there are none."""
    if "sample_timestamp" not in arrays:
        return None
    stamps = arrays["sample_timestamp"]
    if stamps.dtype.kind not in "iufM":
        raise ValueError(
            f"{path}: sample_timestamp is of dtype {stamps.dtype}, but must be datetime64 or "
            "numbers of seconds."
        )
    return split(stamps.astype("datetime64[ns]" if stamps.dtype.kind == "M" else np.float64))


def _read_channel_names(arrays, n_channels, path):
    """Return the names of the channels, or names for them."""
    if "channel_names" not in arrays:
        return list("xyz") if n_channels == 3 else [f"channel_{i}" for i in range(n_channels)]
    names = arrays["channel_names"].astype(str).tolist()
    if len(names) != n_channels:
        raise ValueError(f"{path}: channel_names has {len(names)} names of {n_channels} channels.")
    return names


def _plain(values):
    """Return arrays of one value without dimensions as that value."""
    return values.item() if values.ndim == 0 else values


def check_arrays(arrays, n_samples, where):
    """Raise ValueError if the arrays of a file contradict each other."""
    start_name = "recording_start"
    start = arrays[start_name]
    if start.ndim != 1 or start.dtype.kind not in "iu" or len(start) < 2:
        raise ValueError(
            f"{where}: recording_start has shape {start.shape} and dtype {start.dtype}, but must "
            "be integers, one more than there are recordings."
        )
    if start[0] != 0 or start[-1] != n_samples:
        raise ValueError(
            f"{where}: recording_start goes from {start[0]} to {start[-1]}, but must go from 0 to "
            f"the number of samples, {n_samples}."
        )
    if (np.diff(start) <= 0).any():
        at = int(np.argmax(np.diff(start) <= 0))
        raise ValueError(
            f"{where}: recording_start does not increase: recording {at} goes from {start[at]} to "
            f"{start[at + 1]}. Recordings need samples."
        )
    sizes = {"recording_": len(start) - 1, "sample_": n_samples}
    for name, values in arrays.items():
        for prefix, size in sizes.items():
            if name.startswith(prefix) and name != start_name and values.shape[:1] != (size,):
                raise ValueError(
                    f"{where}: {name} has shape {values.shape}, but there are {size} "
                    f"{prefix.rstrip('_')}s."
                )
    rate = arrays["sampling_rate"]
    if rate.shape != () or rate.dtype.kind not in "iuf" or not 0 < rate < np.inf:
        raise ValueError(
            f"{where}: sampling_rate is {rate}, but must be one number above 0, in Hz."
        )
