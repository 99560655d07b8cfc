"""prefetched: the same items, made one ahead."""

import contextlib
import gc
import threading
import weakref

import pytest

from relcon_sklearn._training._prefetch import prefetched
from relcon_sklearn._utils._warnings import warn


@pytest.mark.parametrize("n", [0, 1, 7])
def test_same_items_in_order(n):
    assert list(prefetched(range(n))) == list(range(n))


def test_the_next_item_is_made_while_one_is_used():
    made = [threading.Event() for _ in range(4)]

    def items():
        for i, event in enumerate(made):
            event.set()
            yield i

    for i in prefetched(items()):
        if i < 3:
            assert made[i + 1].wait(timeout=10)
        if i < 2:
            assert not made[i + 2].is_set()


def test_errors_come_where_the_item_would_have():
    def items():
        yield 1
        raise ValueError("row 7")

    found = prefetched(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="row 7"):
        next(found)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_errors_of_any_kind_reach_the_caller_and_end_the_thread(error):
    before = threading.active_count()

    def items():
        yield 1
        raise error

    with pytest.raises(error):
        list(prefetched(items()))
    assert threading.active_count() == before


def test_an_error_does_not_keep_the_data():
    class Data:
        pass

    def items(data):
        yield data
        raise ValueError

    data = Data()
    watched = weakref.ref(data)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            for _ in prefetched(items(data)):
                pass
        del _, data
        assert watched() is None
    finally:
        gc.enable()


def test_items_are_made_in_one_thread_of_their_own():
    threads = set(prefetched(threading.get_ident() for _ in range(5)))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_no_thread_is_left_behind():
    before = threading.active_count()
    list(prefetched(range(3)))
    found = prefetched(range(100))
    next(found)
    found.close()
    assert threading.active_count() == before
    with pytest.raises(ZeroDivisionError):
        [1 / item for item in prefetched(range(3))]
    assert threading.active_count() == before


def test_missing_items_are_items():
    assert list(prefetched([None, 0, None])) == [None, 0, None]


def test_warnings_come_in_the_thread_of_the_caller_with_their_item():
    def items():
        yield 1
        warn("row 7", RuntimeWarning)
        yield 2

    found = prefetched(items())
    assert next(found) == 1
    with pytest.warns(RuntimeWarning, match="row 7") as record:
        assert next(found) == 2
    assert [warning.filename for warning in record] == [__file__]
    assert next(found, None) is None
