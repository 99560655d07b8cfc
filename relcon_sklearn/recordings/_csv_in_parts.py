"""CSV files as DataFrames, read in parts."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ._csv_header import Header
from ._join_parts import join_parts

_ROWS_AT_ONCE = 2**18
_LONGEST_LINE = 2**16  # bytes
# Without compression, whatever the name of the file. The first column is never an index, as pandas
# takes it for if rows have one more value or separator than the line of names.
_ALWAYS = {"compression": None, "index_col": False, "skipinitialspace": True}
_QUOTED = re.compile(rb'"[^"]*"?')  # text in quotes, without the last one where a line was cut


def last_line_is_cut(path: Path, names: str, separator: str) -> bool:
    """Return whether a file ends within a line, before the last of the columns in `names`."""
    last, mark = line_without_end(path), separator.encode()
    n_marks, n_expected = (
        _QUOTED.sub(b"", line).count(mark) for line in (last, names.rstrip(separator).encode())
    )
    return bool(last) and n_marks < n_expected


def line_without_end(path: Path) -> bytes:
    """Return the last line of a file if it has no end of a line, empty if it has or is blank."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
        return file.read().replace(b"\r", b"\n").rpartition(b"\n")[2].strip()


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
    # With low_memory, pandas would read equal text as numbers in some rows and as text in others.
    how |= {"dtype": dict.fromkeys(header.text, str), "low_memory": False}
    with errors_for_lost_values():
        how |= rows_without_last(path, how) if without_last else {}
        table = join_parts(read_parts(path, how))
        if table is None:
            table = pandas.read_csv(path, **_ALWAYS, **how)
    names = table.columns.str.strip()
    table.columns = names if names.is_unique else table.columns
    return table


def read_parts(source: Path | TextIO, how: dict, multiple_of: int = 1) -> Iterator:
    """Yield the parts of a table, each a DataFrame. There is none if ``nrows`` is 0.

    `source` is a file, or what is left to read of an opened one. `how` are arguments of
    pandas.read_csv. The number of rows of each part but the last is a multiple of a number.
    """
    import pandas

    rows = max(1, _ROWS_AT_ONCE // multiple_of) * multiple_of
    with pandas.read_csv(source, chunksize=rows, **_ALWAYS, **how) as parts:
        yield from parts


def rows_without_last(source: Path | TextIO, how: dict) -> dict[str, int]:
    """Return the argument of pandas.read_csv that leaves out the last row.

    It is not read at all: a value that was cut, such as "-", would make its column text.
    """
    text = how | {"dtype": str}
    return {"nrows": sum(map(len, read_parts(source, text))) - 1}


@contextmanager
def errors_for_lost_values() -> Iterator[None]:
    """Raise ValueError where pandas warns that it leaves out values."""
    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            yield
        except pandas.errors.ParserWarning:
            raise ValueError("some rows have more values than there are columns") from None
