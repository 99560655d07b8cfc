"""Text in messages: shortened strings, and lists of names."""

from __future__ import annotations

from collections.abc import Sequence


def shortened(text: str, max_length: int = 200) -> str:
    """Return a text of at most `max_length` characters; a longer one ends in "..."."""
    return text if len(text) <= max_length else text[: max_length - 3] + "..."


def listed(names: Sequence[str], max_names: int) -> str:
    """Return the first names, separated by commas, and the number of the others."""
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more
