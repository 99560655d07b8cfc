"""Writing recordings to an npz file; the format is described at load_npz_recordings."""

from pathlib import Path

import numpy as np

from .._recordings._labels import factorize, is_missing, labels_as_array
from .._utils._atomic import replacing
from ._npz_read import RENAMED, check_arrays

# Entries of a Bunch that the file holds under other names, or in another form.
_RENAMED_HERE = {"recordings", "subjects", "labels", "label_names", "timestamps", "units"}


def write_npz(path, data):
    """Write a Bunch of recordings to a file, at once."""
    arrays = _to_arrays(data)
    check_arrays(arrays, len(arrays["signal"]), "data")
    with replacing(Path(path)) as file:
        np.savez_compressed(file, **arrays)


def _to_arrays(data):
    """Return the arrays of the file that holds `data`."""
    missing = [name for name in ("recordings", "subjects", "sampling_rate") if name not in data]
    if missing:
        raise ValueError(f"data lacks {', '.join(missing)}.")
    reserved = sorted(RENAMED & set(data))
    if reserved:
        raise ValueError(
            f"data: {', '.join(reserved)}: the file has arrays of these names, made from "
            "recordings, subjects, labels and timestamps. Rename them or leave them out."
        )
    if data.get("units") not in (None, "g"):
        raise ValueError(f"data: units is {data['units']!r}, but must be 'g'. Convert first.")
    recordings = [np.asarray(recording) for recording in data["recordings"]]
    shapes = sorted({recording.shape[1:] for recording in recordings})
    if len(shapes) != 1 or len(shapes[0]) != 1:
        seen = ", ".join(str(("n_samples", *shape)) for shape in shapes)
        raise ValueError(
            "data: recordings must be a list of arrays (n_samples, n_channels) with the same "
            f"channels; {f'these have shapes {seen}' if seen else 'it is empty'}."
        )
    sizes = [len(recording) for recording in recordings]
    arrays = {
        "signal": np.concatenate(recordings).astype(np.float32, copy=False),
        "recording_start": np.cumsum([0, *sizes]),
        "recording_subject": np.asarray(data["subjects"]).astype(str),
        "units": np.array("g"),
        **_label_arrays(data, sizes),
    }
    if data.get("timestamps") is not None:
        arrays["sample_timestamp"] = _end_to_end("timestamps", data["timestamps"], sizes)
    for name, values in data.items():
        if name in _RENAMED_HERE or name in arrays or values is None:
            continue
        is_split = name.startswith("sample_")
        arrays[name] = _end_to_end(name, values, sizes) if is_split else np.asarray(values)
    pickled = [name for name, values in arrays.items() if values.dtype.kind == "O"]
    if pickled:
        raise ValueError(f"data: {', '.join(pickled)} cannot be written without pickle.")
    return arrays


def _end_to_end(name, parts, sizes):
    """Concatenate arrays with one entry for each sample of a recording."""
    parts = [np.asarray(part) for part in parts]
    _check_sizes(name, [len(part) for part in parts], sizes)
    return np.concatenate(parts)


def _check_sizes(name, found, sizes):
    """Raise ValueError unless there is one entry for each sample."""
    if len(found) != len(sizes):
        raise ValueError(
            f"data: {name} is for {len(found)} recordings, but there are {len(sizes)}."
        )
    for i, (n, size) in enumerate(zip(found, sizes, strict=True)):
        if n != size:
            raise ValueError(
                f"data: {name} has {n} entries for recording {i}, which has {size} samples."
            )


def _label_arrays(data, sizes):
    """Return the arrays of the labels; those of the samples only where they say more."""
    of_recording = data.get("recording_label")
    if of_recording is not None:
        of_recording = np.asarray(of_recording).astype(str).tolist()
    labels = None
    if data.get("labels") is not None:
        labels = [_factorize(part) for part in data["labels"]]
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
        raise ValueError(f"data: label_names {names} lacks {unknown}, which labels have.")
    arrays = {"label_names": np.array(["", *names])}
    if of_recording is not None:
        arrays["recording_label"] = np.array(of_recording)
    if labels is not None:
        code_of = {name: code for code, name in enumerate(["", *names])}
        dtype = np.min_scalar_type(len(names))
        parts = [np.array([code_of[v] for v in values], dtype)[codes] for values, codes in labels]
        arrays["sample_label"] = np.concatenate(parts)
    return arrays


def _factorize(labels):
    """Return the distinct labels of a recording, "" where there is none, and each sample's."""
    values, codes = factorize(labels_as_array(labels))
    values = ["" if is_missing(value) else value for value in values]
    wrong = [value for value in values if not isinstance(value, str)]
    if wrong:
        raise ValueError(f"data: label {wrong[0]!r} is of type {type(wrong[0]).__name__}, not str.")
    return values, codes
