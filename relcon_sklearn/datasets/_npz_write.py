"""save_npz_recordings: write recordings to an npz file."""

from pathlib import Path

import numpy as np

from .._recordings._labels import factorize, is_missing, labels_as_array
from .._utils._atomic import replacing
from ._npz_format import RENAMED, as_signal, check_arrays

# Entries of the Bunch that the file holds under other names or in another form.
_CONVERTED = {"recordings", "subjects", "labels", "label_names", "timestamps", "units"}


def save_npz_recordings(path, data):
    """Write recordings to an npz file that :func:`load_npz_recordings` reads.

    The file is written under a temporary name first and then renamed. It is therefore never
    incomplete, even if several processes write it at the same time.

    Parameters
    ----------
    path : str or path-like
        The file. An existing file is replaced.

    data : Bunch or dict
        The entries that :func:`load_npz_recordings` returns. `recordings`, `subjects` and
        `sampling_rate` are required; `units` must be "g" if given. `recordings` are written as
        float32. Entries that are None are left out. A list of arrays with one entry for each sample
        is written as ``sample_*``: `speeds` of :func:`make_recordings` is loaded as
        `sample_speeds`. All other entries are written as arrays, without pickle.

    Raises
    ------
    ValueError
        If an entry is missing, contradicts another entry or cannot be written without pickle, or if
        the recordings are not real numbers that fit into float32. An existing file is left
        unchanged.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from relcon_sklearn.datasets import load_npz_recordings, save_npz_recordings
    >>> data = {
    ...     "recordings": [np.zeros((600, 3)), np.ones((400, 3))],
    ...     "subjects": ["ann", "bob"],
    ...     "labels": [["walking"] * 600, ["walking"] * 100 + ["sitting"] * 300],
    ...     "sampling_rate": 50.0,
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_npz_recordings(os.path.join(folder, "mine.npz"), data)
    ...     loaded = load_npz_recordings(os.path.join(folder, "mine.npz"))
    >>> loaded.labels[1][99:101].tolist()
    ['walking', 'sitting']
    """
    arrays = _to_arrays(data)
    check_arrays(arrays, len(arrays["signal"]), "data")
    with replacing(Path(path)) as file:
        np.savez_compressed(file, **arrays)


def _to_arrays(data):
    """Return the arrays of the file that holds `data`."""
    missing = [name for name in ("recordings", "subjects", "sampling_rate") if name not in data]
    if missing:
        raise ValueError(f"data lacks the entries {', '.join(missing)}.")
    reserved = sorted(RENAMED & set(data))
    if reserved:
        raise ValueError(
            f"data has entries named {', '.join(reserved)}. These names are reserved for the "
            "arrays that are made from recordings, subjects, labels and timestamps. Rename the "
            "entries or leave them out."
        )
    if data.get("units") not in (None, "g"):
        raise ValueError(
            f"data: units must be 'g'. Got {data['units']!r}. Convert the recordings to g."
        )
    recordings = [np.asarray(recording) for recording in data["recordings"]]
    shapes = sorted({recording.shape[1:] for recording in recordings})
    if len(shapes) != 1 or len(shapes[0]) != 1:
        seen = ", ".join(str(("n_samples", *shape)) for shape in shapes)
        raise ValueError(
            "data: recordings must be a list of arrays of shape (n_samples, n_channels), with the "
            f"same n_channels. Got {f'shapes {seen}' if seen else 'an empty list'}."
        )
    sizes = [len(recording) for recording in recordings]
    arrays = {
        "signal": as_signal(np.concatenate(recordings), "data: recordings"),
        "recording_start": np.cumsum([0, *sizes]),
        "recording_subject": np.asarray(data["subjects"]).astype(str),
        "units": np.array("g"),
        **_label_arrays(data, sizes),
    }
    if data.get("timestamps") is not None:
        arrays["sample_timestamp"] = _end_to_end("timestamps", data["timestamps"], sizes)
    for name, values in data.items():
        if name in _CONVERTED or name in arrays or values is None:
            continue
        if name.startswith("sample_"):
            arrays[name] = _end_to_end(name, values, sizes)
        elif _is_split(values, sizes) and f"sample_{name}" not in data:
            arrays[f"sample_{name}"] = np.concatenate(values)
        else:
            arrays[name] = _as_array(name, values)
    pickled = [name for name, values in arrays.items() if values.dtype.kind == "O"]
    if pickled:
        raise ValueError(f"data: {', '.join(pickled)} cannot be written without pickle.")
    return arrays


def _is_split(values, sizes):
    """Return whether values are a list of arrays with one entry for each sample."""
    return (
        isinstance(values, list)
        and all(isinstance(part, np.ndarray) and part.ndim > 0 for part in values)
        and [len(part) for part in values] == sizes
    )


def _as_array(name, values):
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"data: {name} cannot be written as an array: {error}.") from error


def _end_to_end(name, parts, sizes):
    """Concatenate arrays with one entry for each sample of a recording."""
    parts = [np.asarray(part) for part in parts]
    _check_sizes(name, [len(part) for part in parts], sizes)
    return np.concatenate(parts)


def _check_sizes(name, found, sizes):
    """Raise ValueError unless there is one entry for each sample of each recording."""
    if len(found) != len(sizes):
        raise ValueError(
            f"data: {name} has {len(found)} entries, but there are {len(sizes)} recordings."
        )
    for i, (n, size) in enumerate(zip(found, sizes, strict=True)):
        if n != size:
            raise ValueError(
                f"data: {name} has {n} entries for recording {i}, which has {size} samples."
            )


def _label_arrays(data, sizes):
    """Return the arrays of the labels; `sample_label` only if labels change within recordings."""
    of_recording = data.get("recording_label")
    if of_recording is not None:
        of_recording = np.asarray(of_recording).astype(str).tolist()
    labels = None
    if data.get("labels") is not None:
        labels = [_factorize_labels(part) for part in data["labels"]]
        _check_sizes("labels", [len(codes) for _, codes in labels], sizes)
        if all(len(values) == 1 for values, _ in labels):
            of_samples = [values[0] for values, _ in labels]
            of_recording = of_samples if of_recording is None else of_recording
            labels = None if of_recording == of_samples else labels
    if labels is None:
        of_recording = [""] * len(sizes) if of_recording is None else of_recording
    seen = set(of_recording if labels is None else (v for values, _ in labels for v in values))
    names = data.get("label_names")
    names = sorted(seen - {""}) if names is None else list(names)
    unknown = sorted(seen - {"", *names})
    if unknown:
        raise ValueError(
            f"data: label_names must name every label. Got {names}, which lacks {unknown}."
        )
    arrays = {"label_names": np.array(["", *names])}
    if of_recording is not None:
        arrays["recording_label"] = np.array(of_recording)
    if labels is not None:
        code_of = {name: code for code, name in enumerate(["", *names])}
        dtype = np.min_scalar_type(len(names))
        parts = [np.array([code_of[v] for v in values], dtype)[codes] for values, codes in labels]
        arrays["sample_label"] = np.concatenate(parts)
    return arrays


def _factorize_labels(labels):
    """Return the distinct labels of a recording, "" for missing ones, and each sample's code."""
    values, codes = factorize(labels_as_array(labels))
    values = ["" if is_missing(value) else value for value in values]
    wrong = [value for value in values if not isinstance(value, str)]
    if wrong:
        raise ValueError(
            f"data: labels must be str. Got {wrong[0]!r} of type {type(wrong[0]).__name__}."
        )
    return values, codes
