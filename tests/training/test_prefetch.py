"""prefetched: the same items, one ahead."""

import threading

import pytest

from relcon_sklearn.training._prefetch import prefetched


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


def test_no_thread_is_left_behind():
    before = threading.active_count()
    list(prefetched(range(3)))
    found = prefetched(range(100))
    next(found)
    found.close()
    assert threading.active_count() == before


def test_missing_items_are_items():
    assert list(prefetched([None, 0, None])) == [None, 0, None]
