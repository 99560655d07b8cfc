"""Prefetching of items in a background thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from .._utils._warnings import kept_warnings, warn

T = TypeVar("T")

_END = object()


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """Yield the items in order, and make each next item in the background meanwhile.

    An error while an item is made is raised in place of the item, after its warnings.
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
            item, error, warned = results.get()
            for message, category in warned:
                warn(message, category)
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
        item, failure = None, None
        with kept_warnings() as warned:
            try:
                item = next(iterator, _END)
            except BaseException as error:  # any error is raised again in the consumer's thread
                failure = error
        results.put((item, failure, warned))
        del item, failure  # this frame must keep neither until the next request
