"""How near candidates are to an anchor, by a distance or by an embedding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import cosine_similarity

from .._embedder import RelConEmbedder
from .._motif_distance import LearnedMotifDistance


def unfrozen(estimator):
    """Return what a FrozenEstimator holds, or the estimator itself."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def learned_distance(estimator):
    """Return the motif distance that an estimator is or was trained by.

    Raises
    ------
    TypeError
        If it has no attention map.
    """
    distance = unfrozen(estimator)
    if isinstance(distance, RelConEmbedder):
        distance = unfrozen(ranking_distance(distance))
    if not (hasattr(distance, "attention_map") and hasattr(distance, "reconstruct")):
        raise TypeError(
            f"distance={distance!r} has no attention map; expected a fitted LearnedMotifDistance, "
            "or a RelConEmbedder that was trained by one."
        )
    return distance


def ranking_distance(embedder):
    """Return the distance that an embedder was trained by.

    Raises
    ------
    TypeError
        If it is not a fitted RelConEmbedder.
    """
    distance = getattr(unfrozen(embedder), "distance_", None)
    if distance is None:
        raise TypeError(
            f"{embedder!r} was trained by no distance that it kept; expected a fitted "
            "RelConEmbedder, or pass a distance."
        )
    return distance


class Comparison(NamedTuple):
    """How near each candidate is to an anchor, and by which measure."""

    scores: np.ndarray
    name: str
    nearest_first: bool

    def order(self) -> np.ndarray:
        """Return the rows of the candidates, nearest first."""
        return np.argsort(self.scores if self.nearest_first else -self.scores, kind="stable")


def compare(estimator, anchor: np.ndarray, candidates) -> Comparison:
    """Compare an anchor with candidates, by a distance or else by embeddings.

    Parameters
    ----------
    estimator : estimator with ``pairwise``, transformer, or callable
        A distance, from ``pairwise(anchors, candidates)`` or the call itself; or a transformer, for
        the cosine similarity of its embeddings.
    anchor : ndarray of shape (n_timesteps, n_channels)
        The anchor.
    candidates : array-like of shape (n_candidates, n_timesteps, n_channels)
        The candidates.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    estimator = unfrozen(estimator)
    n = len(candidates)
    if hasattr(estimator, "pairwise"):
        learned = isinstance(estimator, LearnedMotifDistance)
        scores = _row(estimator.pairwise(anchor[None], candidates), n)
        return Comparison(scores, "motif distance" if learned else "distance", True)
    if hasattr(estimator, "transform"):
        z_anchor, z = estimator.transform(anchor[None]), estimator.transform(candidates)
        return Comparison(_row(cosine_similarity(z_anchor, z), n), "cosine similarity", False)
    if callable(estimator):
        return Comparison(_row(estimator(anchor[None], candidates), n), "distance", True)
    raise TypeError(
        f"{estimator!r} is neither a distance nor a transformer; expected a fitted "
        "LearnedMotifDistance or RelConEmbedder, or distance(anchors, candidates)."
    )


def _row(values, n: int) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.shape != (1, n):
        raise ValueError(
            f"comparing 1 anchor with {n} candidates gave shape {values.shape}; expected (1, {n})."
        )
    if not np.isfinite(values).all():
        raise ValueError("comparing the anchor with the candidates gave NaN or infinity.")
    return values[0]
