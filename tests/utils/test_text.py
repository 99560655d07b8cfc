"""Shortened strings, lists of names and durations in messages."""

import pytest

from relcon_sklearn._utils._text import duration, listed, shortened


@pytest.mark.parametrize(
    ("text", "expected"), [("", ""), ("12345678", "12345678"), ("123456789", "12345...")]
)
def test_shortened(text, expected):
    assert shortened(text, 8) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], ""), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_listed(names, expected):
    assert listed(names, 2) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        *((0.0123, "0.012 s"), (1.0, "1 s"), (9.96, "10 s"), (119, "119 s"), (120, "2 minutes")),
        *((2520, "42 minutes"), (7199, "120 minutes"), (9000, "2.5 hours"), (172_800, "2 days")),
        (1e9, "11574 days"),
    ],
)
def test_duration(seconds, expected):
    assert duration(seconds) == expected
