"""Shortened strings and lists of names in messages."""

import pytest

from relcon_sklearn._utils._text import listed, shortened


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
