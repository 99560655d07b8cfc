"""Lines of CSV files as text, and what is between their columns and in their numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

SEPARATORS = ",;\t"
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_DECIMAL = re.compile(r"[-+]?\d*([.,])\d+(?:[eE][-+]?\d+)?")


def read_lines(path: Path, n: int) -> list[str]:
    """Return the first lines of a file, without their ends."""
    with open_below(path, 0) as opened:
        return [line.rstrip("\n") for line in islice(opened, n)]


@contextmanager
def open_below(path: Path, n_above: int) -> Iterator[TextIO]:
    """Provide a file as text, without its first lines.

    These are lines of the file, whatever quotes are in them.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as opened:
        for _ in islice(opened, n_above):
            pass
        yield opened


def split(line: str, separator: str) -> list[str]:
    """Return the values in a line."""
    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip() for cell in row]


def find_decimal(rows: Iterable[list[str]], separator: str) -> str:
    """Return the decimal mark of the numbers in some rows.

    With semicolons or tabs between columns, commas are decimal marks, as in many countries. Those
    of times of day and of text do not tell what is in numbers. A single comma decides.
    """
    values = (cell for row in rows for cell in row) if separator != "," else ()
    return "," if any(map(_DECIMAL_COMMA.fullmatch, values)) else "."


def first_decimal(rows: Iterable[list[str]], separator: str) -> str:
    """Return the decimal mark of the first number that has one. Rows after it are not read.

    It is a point if commas are between columns, or if all numbers are whole.
    """
    if separator == ",":
        return "."
    found = (_DECIMAL.fullmatch(cell) for row in rows for cell in row)
    return next((number[1] for number in found if number), ".")
