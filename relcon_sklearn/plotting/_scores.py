"""Scores of candidates for an anchor, which are distances or similarities of embeddings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from .._embedder import RelConEmbedder
from .._motif_distance import LearnedMotifDistance
from .._utils._frozen import unwrap


def learned_distance(estimator):
    """Return a motif distance, or the motif distance that an embedder was trained with.

    Raises
    ------
    TypeError
        If the distance has no attention map.
    """
    distance = unwrap(estimator)
    if isinstance(distance, RelConEmbedder):
        distance = unwrap(ranking_distance(distance))
    if not (hasattr(distance, "attention_map") and hasattr(distance, "reconstruct")):
        raise TypeError(
            f"distance={distance!r} has no attention map; expected a fitted LearnedMotifDistance, "
            "or a RelConEmbedder that was trained with one."
        )
    return distance


def ranking_distance(embedder):
    """Return the distance that an embedder was trained with.

    Raises
    ------
    TypeError
        If the embedder is not a fitted RelConEmbedder.
    """
    distance = getattr(unwrap(embedder), "distance_", None)
    if distance is None:
        raise TypeError(
            f"{embedder!r} has no distance_; expected a fitted RelConEmbedder. For another "
            "embedder, pass a distance."
        )
    return distance


class Comparison(NamedTuple):
    """Scores of candidates for an anchor, with the name of the scores and their direction."""

    scores: np.ndarray
    name: str
    nearest_first: bool

    def order(self) -> np.ndarray:
        """Return the indices of the candidates, nearest first."""
        return np.argsort(self.scores if self.nearest_first else -self.scores, kind="stable")


def compare(estimator, anchor: np.ndarray, candidates) -> Comparison:
    """Compare an anchor with candidates by a distance or by embeddings.

    Parameters
    ----------
    estimator : estimator with ``pairwise``, transformer, or callable
        A distance, which is ``estimator.pairwise(anchors, candidates)`` or
        ``estimator(anchors, candidates)``, or a transformer, whose embeddings are compared by
        cosine similarity.
    anchor : ndarray of shape (n_timesteps, n_channels)
        The anchor.
    candidates : array-like of shape (n_candidates, n_timesteps, n_channels)
        The candidates.

    Returns
    -------
    comparison : Comparison
        Scores of the candidates.

    Raises
    ------
    TypeError
        If the estimator is neither a distance nor a transformer.
    ValueError
        If the scores are not finite, or have another shape than (1, n_candidates).
    """
    estimator = unwrap(estimator)
    n = len(candidates)
    if hasattr(estimator, "pairwise"):
        learned = isinstance(estimator, LearnedMotifDistance)
        scores = _check_scores(estimator.pairwise(anchor[None], candidates), n)
        return Comparison(scores, "motif distance" if learned else "distance", True)
    if hasattr(estimator, "transform"):
        z_anchor, z = estimator.transform(anchor[None]), estimator.transform(candidates)
        return Comparison(
            _check_scores(cosine_similarity(z_anchor, z), n), "cosine similarity", False
        )
    if callable(estimator):
        return Comparison(_check_scores(estimator(anchor[None], candidates), n), "distance", True)
    raise TypeError(
        f"{estimator!r} is neither a distance nor a transformer; expected a fitted "
        "LearnedMotifDistance or RelConEmbedder, or distance(anchors, candidates)."
    )


def _check_scores(values, n: int) -> np.ndarray:
    """Return the scores of one anchor as an array of shape (n,)."""
    values = np.asarray(values, dtype=float)
    if values.shape != (1, n):
        raise ValueError(
            f"The comparison of 1 anchor with {n} candidates has shape {values.shape}; expected "
            f"(1, {n})."
        )
    if not np.isfinite(values).all():
        raise ValueError("The comparison of the anchor with the candidates has NaN or infinity.")
    return values[0]
