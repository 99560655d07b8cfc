"""The warning about segments that are much shorter or longer than those of the training."""

from __future__ import annotations

from .._utils._warnings import warn

# The model of activities in the package was trained on 10 s. On people it has not seen, segments of
# 5 s are predicted nearly as well, those of 2.56 s clearly worse, and those of 60 s as well.
_SHORTEST, _LONGEST = 1 / 2, 6


def warn_of_length(n_timesteps: int, trained: int | None, name: str, model: str) -> None:
    """Warn if segments are shorter than half of those of the training, or six times longer.

    Parameters
    ----------
    n_timesteps : int
        Length of the segments.
    trained : int or None
        Length of the segments of the training. If None, it is not known.
    name, model : str
        Names of the array and of the class of the model, for the message.
    """
    if trained is None or _SHORTEST * trained <= n_timesteps <= _LONGEST * trained:
        return
    how = "shorter" if n_timesteps < trained else "longer"
    warn(
        f"{name} has segments of {n_timesteps} time steps, but {model} was fitted with segments of "
        f"{trained}. Predictions of much {how} segments may be wrong. Cut segments of the length "
        "of the training, as segment_recordings(..., like=model) and predict_timeline without "
        "window do. If this is intended, call warnings.filterwarnings('ignore', "
        f"message='{name} has segments of')."
    )
