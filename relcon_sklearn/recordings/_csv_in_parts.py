"""CSV files as DataFrames, read in parts."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from ._csv_header import Header
from ._join_parts import join_parts

_ROWS_AT_ONCE = 2**18
_LONGEST_LINE = 2**16  # bytes
_QUOTED = re.compile(rb'"[^"]*"?')  # text in quotes, without the last one where a line was cut


def last_line_is_cut(path: Path, names: str, separator: str) -> bool:
    """Return whether a file ends within a line, before the last of the columns in `names`."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
        last = file.read().replace(b"\r", b"\n").rpartition(b"\n")[2]
    mark = separator.encode()
    n_marks, n_expected = (
        _QUOTED.sub(b"", line).count(mark) for line in (last, names.rstrip(separator).encode())
    )
    return bool(last.strip()) and n_marks < n_expected


def read_table(path: Path, header: Header, *, without_last: bool = False):
    """Return the table in a CSV file, with text of dates as dates if all of it can be read.

    `without_last` is whether to leave out the last row. The values are those of a file that is read
    at once. Names are without spaces around them.

    Raises
    ------
    ValueError
        If the file cannot be read as a table, or if rows have more values than there are names.
    """
    import pandas

    how = {"sep": header.separator, "decimal": header.decimal, "skiprows": header.skipped}
    # Without compression, whatever the name of the file. The first column is never an index, as
    # pandas takes it for if rows have one more value or separator than the line of names. With
    # low_memory, pandas would read equal text as numbers in some rows and as text in others.
    how["dtype"] = dict.fromkeys(header.text, str)
    how |= {"compression": None, "index_col": False, "low_memory": False, "skipinitialspace": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            if without_last:
                # It is not read at all: a value that was cut, such as "-", would make its column
                # text.
                how["nrows"] = sum(map(len, _read_parts(path, how))) - 1
            table = join_parts(_read_parts(path, how))
            if table is None:
                table = pandas.read_csv(path, **how)
        except pandas.errors.ParserWarning:
            raise ValueError("some rows have more values than the first line has names") from None
    names = table.columns.str.strip()
    table.columns = names if names.is_unique else table.columns
    return table


def _read_parts(path: Path, how: dict) -> Iterator:
    """Yield the parts of a table. There is none if ``nrows`` is 0."""
    import pandas

    with pandas.read_csv(path, chunksize=_ROWS_AT_ONCE, **how) as parts:
        yield from parts
