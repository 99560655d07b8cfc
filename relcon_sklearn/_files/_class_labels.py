"""Class labels in a header."""

from __future__ import annotations

import numpy as np

from ._entries import are_strings, check_entry
from ._format import MAX_HEADER_BYTES, FileError


def write_labels(labels: np.ndarray) -> dict:
    """Return the header entry of class labels, which are numbers or strings.

    Raises
    ------
    FileError
        If files cannot store labels of this dtype.
    """
    values = labels.tolist()
    kind = labels.dtype.kind
    if not (
        (kind in "biu")
        or (kind == "f" and labels.dtype.itemsize <= 8)
        or (kind == "U" and labels.dtype.itemsize * len(labels) <= MAX_HEADER_BYTES)
        or (kind == "O" and are_strings(values))
    ):
        raise FileError(
            f"classes_ has dtype {labels.dtype}. Files can store labels that are integers, floats "
            "of up to 64 bits, booleans or strings."
        )
    # The byte order is dropped: labels are read in the native order.
    return {"dtype": "object" if kind == "O" else labels.dtype.str[1:], "values": values}


def read_labels(node: dict) -> np.ndarray:
    """Return the labels that :func:`write_labels` wrote."""
    name, values = node["dtype"], node["values"]
    check_entry(node.keys() == {"dtype", "values"} and len(values) >= 2, "classes_")
    if name == "object" or name[0] == "U":
        check_entry(are_strings(values), "classes_")
        width = 0 if name == "object" else 4 * int(name[1:]) * len(values)
        check_entry(0 <= width <= MAX_HEADER_BYTES, "classes_")
    else:
        check_entry(name[0] in "biuf" and not isinstance(values[0], str), "classes_")
    labels = np.array(values, dtype=name)
    check_entry(labels.tolist() == values and len(set(values)) == len(values), "classes_")
    return labels
