"""Reading ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Give the same items in the same order, each made in the background while the last is used.

    An error in making an item is raised where the item would have come.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="relcon-prefetch") as pool:
        iterator, end = iter(items), object()
        coming = pool.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, iterator, end)
            yield item
