"""Prefetching of items in a background thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

_END = object()


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Yield the items in order, and make each next item in the background meanwhile.

    An error while an item is made is raised in place of the item.
    """
    # Queues, because the futures of an executor cost 1.5 times as much per item.
    requests, results = SimpleQueue(), SimpleQueue()
    worker = Thread(
        target=_work, args=(iter(items), requests, results), name="relcon-prefetch", daemon=True
    )
    worker.start()
    try:
        requests.put(True)
        while True:
            item, error = results.get()
            if error is not None:
                try:
                    raise error
                finally:
                    error = None  # breaks a reference cycle with this frame and the data
            if item is _END:
                return
            requests.put(True)
            yield item
    finally:
        requests.put(False)
        worker.join()


def _work(iterator: Iterator, requests: SimpleQueue, results: SimpleQueue) -> None:
    """Make an item for each request, until a request is False."""
    while requests.get():
        try:
            results.put((next(iterator, _END), None))
        except BaseException as error:  # any error is raised again in the consumer's thread
            results.put((None, error))
