"""Parquet files as DataFrames, read column by column, and text of dates in parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .._utils._text import listed
from ._join_parts import join_parts

_ROWS_AT_ONCE = 2**18


def read_table(path: Path):
    """Return the table in a parquet file, with text of dates as dates if all of it can be read.

    Other values, the index and the attrs are those of ``pandas.read_parquet(path)``, which needs
    more memory: the file as a whole, and text of 60 bytes or more for each time. Text stays as it
    is in a recording that this package has read before, which has its rate in the attrs.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError, OSError
        If the file cannot be read, or if columns have the same name.
    """
    import pandas
    from pyarrow.parquet import ParquetFile

    frame = pandas.read_parquet(path, columns=[])  # its index and attrs
    keeps_text = "sampling_rate" in frame.attrs
    with ParquetFile(path) as file:
        schema = file.schema_arrow
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        names = [name for name in schema.names if name not in index]
        if same := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several columns have one name: {listed(list(map(repr, same)), 5)}")
        labels = schema.empty_table().to_pandas().columns  # names may be numbers
        columns = {
            label: None if keeps_text else _read_dates(file, name)
            for name, label in zip(names, labels, strict=True)
        }
    for name, label in zip(names, labels, strict=True):
        if columns[label] is None:
            columns[label] = pandas.read_parquet(path, columns=[name])[label].array
    table = pandas.DataFrame(columns, frame.index, labels, copy=False)
    table.attrs = frame.attrs
    return table


def _read_dates(file, name: str):
    """Return a column as an array of dates, None if it is not text of dates."""
    if not _is_text(file.schema_arrow.field(name).type):
        return None
    table = join_parts(_read_parts(file, name))
    if table is None or table[name].dtype.kind != "M":
        return None
    return table[name].array


def _read_parts(file, name: str) -> Iterator:
    """Yield the parts of a column, each a DataFrame."""
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[name]):
        yield batch.select([name]).to_pandas(ignore_metadata=True)


def _is_text(type_) -> bool:
    from pyarrow import types

    return types.is_string(type_) or types.is_large_string(type_)
