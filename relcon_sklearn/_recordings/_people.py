"""Tables of several people, which are not one recording."""

from __future__ import annotations

import re

from .._utils._warnings import warn

# Names such as subject, Subject ID, user_id and participantNo. A bare "id" may count anything.
_PERSON = re.compile(
    r"(subject|participant|person|patient|user|volunteer|proband|pid)s?"
    r"([\W_]*(id|no|nr|num|number|code|name))?\W*",
    re.IGNORECASE,
)


def find_people(frame, used: list):
    """Return the column that names people, and their names. None if it has one person, or none.

    Columns in `used`, which are channels, labels or times, name nobody.
    """
    for column in frame.columns:
        is_name = isinstance(column, str) and _PERSON.fullmatch(column.strip())
        # Of columns of equal names, which are refused elsewhere, frame[column] is a frame.
        if not is_name or column in used or frame[column].ndim > 1:
            continue
        try:
            people = frame[column].dropna().unique().tolist()
        except TypeError:  # of lists, as JSON has them
            continue
        if len(people) > 1:
            return column, people
    return None


def warn_of_people(frame, used: list, name: str) -> None:
    """Warn if a DataFrame is not the recording of one person, by a column that names people."""
    found = find_people(frame, used)
    if found is None:
        return
    column, people = found
    warn(
        f"Several people seem to be in {name}, which is taken as the recording of one: its column "
        f"{column!r} has {len(people)} values, such as {people[0]!r} and {people[1]!r}. Split it "
        f"with people = dict(list(frame.groupby({column!r}))), and pass the recordings "
        "list(people.values()) and the subjects list(people), or one of them at a time. If all "
        "are the same person, drop the column, or call warnings.filterwarnings('ignore', "
        "message='Several people seem')."
    )
