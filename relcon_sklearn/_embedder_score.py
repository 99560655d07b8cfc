"""The score of a fitted embedder: the published loss."""

from __future__ import annotations

import torch
from sklearn.utils.validation import check_is_fitted

from ._base import check_at_least_two
from ._batches import Batches
from ._ranking_distance import make_ranker
from ._training import mean_loss, ranking_loss
from ._utils._memory_advice import advises_on_memory
from ._utils._missing_groups import warn_without_groups


class EmbedderScore:
    """Method of :class:`RelConEmbedder` that scores a fitted embedder."""

    @advises_on_memory("scoring")
    def score(self, X, y=None, *, groups=None):
        """Return the negative mean relative contrastive loss, as published.

        The loss ranks an anchor's own candidates, drawn with a fixed seed, and all other anchors
        of the batch. `candidates`, `n_between`, `n_positives`, `augmentation`, `projection` and
        `feature_weight` have no effect, nor has `query_stride` of the distance. Compare only models
        with the same `n_within`, `batch_size`, `temperature` and frozen distance, or set these
        parameters to the same values first: the loss depends on them, and a search over them would
        prefer the fewest candidates.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, at least two.
        y : Ignored
            Not used, present for API consistency by convention.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to, as in :meth:`fit`.

        Returns
        -------
        score : float
            Negative mean loss. Higher is better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` or `groups` cannot be used, or if the estimator has no distance.

        Warns
        -----
        UserWarning
            If `groups` is None, and `n_within` is positive.
        """
        check_is_fitted(self)
        if self.distance_ is None:
            raise ValueError(
                "score ranks candidates by a distance, but this RelConEmbedder was loaded without "
                "one. Pass distance=... to from_released_checkpoint."
            )
        array = self._check_segments(X, reset=False)
        index = self._check_groups(groups, len(array))
        check_at_least_two(array)
        warn_without_groups(groups, self.n_within, "score")
        batches = Batches(array, index, self.batch_size, 0, self.n_within)
        ranker = make_ranker(self.distance_, self._device(), torch.float32, exact=True)
        loss = ranking_loss(ranker, self.temperature, torch.float32)
        return -mean_loss(self.encoder_, loss, batches, self._device())
