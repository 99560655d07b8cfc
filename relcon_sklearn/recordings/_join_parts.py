"""Tables that are read in parts, so that the text of dates is not in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from .._recordings._time_column import text_as_dates
from .._recordings._written_times import days_are_months, swap_days_and_months


def join_parts(parts: Iterable):
    """Return the parts of a table, each a DataFrame, as one, with text of dates as dates.

    None if there is no part, or if the values of a column are not of one kind: then a part does not
    tell what its text is.
    """
    import pandas

    tables, orders = [], {}
    for table in parts:
        for name in table.columns:
            table[name], found = text_as_dates(table[name])
            orders.setdefault(name, []).append(found)
        tables.append(table)
    if not tables or not _same_types(tables):
        return None
    for name, found in orders.items():
        if any(found) and not _put_in_one_order(tables, name, found):
            return None
    return pandas.concat(tables, ignore_index=True)


def _same_types(tables: list) -> bool:
    """Return whether each column has one type in all parts, or numbers in all."""
    from pandas.api.types import is_any_real_numeric_dtype

    for column in tables[0].columns:
        types = {table[column].dtype for table in tables}
        if len(types) > 1 and not all(map(is_any_real_numeric_dtype, types)):
            return False
    return True


def _put_in_one_order(tables: list, name, orders: list[list]) -> bool:
    """Read dates in the only order that all parts may have. Return whether there is one.

    `orders` are those that the dates of each part may have, of which they were read in the first.
    """
    common = [order for order in orders[0] if all(order in others for others in orders)]
    if len(common) > 1 and all(days_are_months(table[name].to_numpy()) for table in tables):
        common = common[:1]
    if len(common) != 1:
        return False
    for table, (first, *_) in zip(tables, orders, strict=True):
        if first != common[0]:
            table[name] = swap_days_and_months(table[name])
    return True
