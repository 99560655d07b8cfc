"""The smoothing that the command is given."""

from __future__ import annotations

import inspect

from ..timelines import Transitions, assume_transitions

VITERBI = "viterbi"
BOUT = inspect.signature(assume_transitions).parameters["bout"].default  # s


def smoothing_for(
    model, smoothing: int | str | None, bout: float | None, step: float
) -> int | Transitions | None:
    """Return the parameter `smoothing` of predict_timeline, given ``--smoothing`` and ``--bout``.

    Raises
    ------
    ValueError
        If they do not fit each other, the model or the length of a step in s.
    """
    if smoothing != VITERBI:
        if bout is not None:
            raise ValueError("--bout needs --smoothing viterbi. Pass both, or none.")
        return smoothing
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"--smoothing viterbi needs a classifier with predict_proba, and the model is a "
            f"{type(model).__name__}. Pass an odd number of steps, for example --smoothing 5."
        )
    bout = BOUT if bout is None else bout
    if not bout > step:
        raise ValueError(
            f"--bout is {bout:g} s, which is not above a step of {step:g} s. Pass a longer --bout, "
            "or a shorter --step."
        )
    return assume_transitions(model.classes_, bout=bout, step=step)
