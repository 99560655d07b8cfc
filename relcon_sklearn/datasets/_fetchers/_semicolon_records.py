"""Tables in text files whose records end in a semicolon, as WISDM and SisFall have them."""

import io
import re

import numpy as np

_COLUMNS = {
    "U": r"\s*[A-Z]\s*",
    "i": r"\s*[-+]?\d+\s*",
    "f": r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*",
}


def read_semicolon_records(text, dtype, where):
    """Read a table of records "value,value,...;", and count the records that are none.

    Parameters
    ----------
    text : str
        One record a line, or several.

    dtype : structured dtype
        Of a record: integers, floats, and single capital letters ("U1").

    where : str
        What the text is, for errors.

    Returns
    -------
    rows : structured ndarray of shape (n_records,)

    n_malformed : int
        Number of records that are left out, since they have too few or too many values, or
        something else than finite numbers where these belong.

    Raises
    ------
    ValueError
        If no record is left.
    """
    lines = text.replace("\r", "").replace(";\n", "\n").rstrip("; \n")
    try:
        rows = _table(io.StringIO(lines or "empty"), dtype)
        if all(np.isfinite(rows[name]).all() for name in dtype.names if dtype[name].kind != "U"):
            return rows, 0
    except ValueError:
        pass
    # Something is wrong in the file: find out which records it is, which takes longer.
    expression = re.compile(",".join(_COLUMNS[dtype[name].kind] for name in dtype.names))
    records = [record for record in re.split("[;\n]", text) if record.strip()]
    good = [record for record in records if expression.fullmatch(record)]
    if not good:
        raise ValueError(f"{where}: none of its {len(records)} lines is as it should be.")
    return _table(good, dtype), len(records) - len(good)


def _table(lines, dtype):
    """Read lines of values that are separated by commas."""
    return np.loadtxt(lines, dtype=dtype, delimiter=",", comments=None, ndmin=1)
