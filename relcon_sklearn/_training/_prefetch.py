"""Reading ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

_END = object()


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Give the same items in the same order, each made in the background while the last is used.

    An error in making an item is raised where the item would have come.
    """
    # Not an executor: its futures cost half as much again for each item as these queues.
    orders, made = SimpleQueue(), SimpleQueue()
    maker = Thread(
        target=_make, args=(iter(items), orders, made), name="relcon-prefetch", daemon=True
    )
    maker.start()
    try:
        orders.put(True)
        while True:
            item, error = made.get()
            if error is not None:
                try:
                    raise error
                finally:
                    error = None  # which would keep this frame, and the data, alive in a circle
            if item is _END:
                return
            orders.put(True)
            yield item
    finally:
        orders.put(False)
        maker.join()


def _make(iterator: Iterator, orders: SimpleQueue, made: SimpleQueue) -> None:
    """Make an item for each order, until an order is False."""
    while orders.get():
        try:
            made.put((next(iterator, _END), None))
        except BaseException as error:  # whatever it is, it is raised where it can be seen
            made.put((None, error))
