"""Text tables whose records end with a semicolon, the format of WISDM and SisFall."""

import io
import re

import numpy as np

from ...exceptions import DamagedFileError

# Regular expression of a value, for each kind of dtype.
_PATTERNS = {
    "U": r"\s*[A-Z]\s*",
    "i": r"\s*[-+]?\d+\s*",
    "f": r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*",
}


def read_semicolon_records(text, dtype, where):
    """Read a table of records "value,value,...;", and count malformed records.

    Parameters
    ----------
    text : str
        Lines of one or more records.

    dtype : structured dtype
        Dtype of a record, with integers, floats and single capital letters ("U1").

    where : str
        Name of the text in error messages.

    Returns
    -------
    rows : structured ndarray of shape (n_records,)

    n_malformed : int
        Number of records that are left out, because they have too few or too many values, or
        values other than finite numbers in columns of numbers.

    Raises
    ------
    DamagedFileError
        If all records are malformed.
    """
    lines = text.replace("\r", "").replace(";\n", "\n").rstrip("; \n")
    try:
        rows = _table(io.StringIO(lines or "empty"), dtype)
        if all(np.isfinite(rows[name]).all() for name in dtype.names if dtype[name].kind != "U"):
            return rows, 0
    except ValueError:
        pass
    # At least one record is malformed. Checking every record takes longer.
    expression = re.compile(",".join(_PATTERNS[dtype[name].kind] for name in dtype.names))
    records = [record for record in re.split("[;\n]", text) if record.strip()]
    good = [record for record in records if expression.fullmatch(record)]
    if not good:
        raise DamagedFileError(
            f"{where} has no valid records. Got {len(records)} malformed records."
        )
    return _table(good, dtype), len(records) - len(good)


def _table(lines, dtype):
    """Read lines of comma-separated values."""
    return np.loadtxt(lines, dtype=dtype, delimiter=",", comments=None, ndmin=1)
