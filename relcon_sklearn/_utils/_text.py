"""Text in messages: shortened strings, lists of names, and durations."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


def shortened(text: str, max_length: int = 200) -> str:
    """Return a text of at most `max_length` characters; a longer one ends in "..."."""
    return text if len(text) <= max_length else text[: max_length - 3] + "..."


def listed(names: Sequence[str], max_names: int) -> str:
    """Return the first names, separated by commas, and the number of the others."""
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more


def duration(seconds: float) -> str:
    """Return a rounded duration in the largest unit of which there are at least two."""
    unit, size = next(((u, size) for u, size in _UNITS if seconds >= 2 * size), ("s", 1))
    number = seconds / size
    return f"{number:.2g} {unit}" if number < 10 else f"{number:.0f} {unit}"
