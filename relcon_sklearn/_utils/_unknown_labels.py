"""The warning about labels that a classifier does not know, as they are written differently."""

from __future__ import annotations

from collections.abc import Sequence

from ._text import listed
from ._warnings import warn

_SHOWN = 5  # labels


def warn_of_unknown_labels(labels: Sequence, classes: Sequence) -> None:
    """Warn of labels that are classes in another spelling, or none of which is a class.

    A test part in cross-validation may have a single class, which the training part lacks. A single
    label of the same type as the classes therefore gives no warning.

    Parameters
    ----------
    labels : sequence of str, int, float or bool
        The different labels of the segments to score.
    classes : sequence of str, int, float or bool
        The classes of the model.
    """
    known = set(classes)
    unknown = [label for label in labels if label not in known]
    by_text = {_text_of(name): name for name in classes}
    alike = [
        f"{label!r} for {by_text[_text_of(label)]!r}"
        for label in unknown
        if _text_of(label) in by_text
    ]
    may_be_left_out = len(labels) == 1 and isinstance(labels[0], str) == isinstance(classes[0], str)
    if alike:
        what = f"{listed(alike, _SHOWN)}. Case, spaces and type matter."
    elif unknown and len(unknown) == len(labels) and not may_be_left_out:
        what = (
            f"none of {listed(list(map(repr, labels)), _SHOWN)} is among "
            f"{listed(list(map(repr, classes)), _SHOWN)}, so that the score is 0."
        )
    else:
        return
    warn(
        f"Labels of y are not classes of the model: {what} Pass y with the names in classes_. If "
        "this is intended, call warnings.filterwarnings('ignore', message='Labels of y are not "
        "classes')."
    )


def _text_of(label) -> str:
    return str(label).strip().casefold()
