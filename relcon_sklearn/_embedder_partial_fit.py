"""Training a fitted embedder further."""

from __future__ import annotations

from .segments._magnitudes import magnitudes_of
from .segments._sampling_rate import check_rate, rate_of

_HEADING = "# Trained further\n\nAfter the training that this card describes"


class EmbedderPartialFit:
    """Method of :class:`RelConEmbedder` that trains a fitted embedder further."""

    def partial_fit(self, X, y=None, groups=None):
        """Train a fitted encoder further, on other segments: continued pretraining.

        The encoder starts with its present weights, and the distance stays as it is, so that the
        parameters `encoder` and `distance` have no effect. Otherwise this is a training as in
        :meth:`fit`, with the present parameters: a model that comes with the package, trained on
        many data sets, can be trained further on your recordings. Such a model has the parameters
        of its own training, with many epochs. A lower `lr` and fewer epochs than for a new training
        keep more of what was learned. If the embedder is not fitted, this is :meth:`fit`.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, with the channels and the sampling rate of the first training. 3-D input may
            have another number of time steps.
        y : Ignored
            Not used, present for API consistency by convention.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to, as in :meth:`fit`.

        Returns
        -------
        self : RelConEmbedder
            The fitted estimator. If training fails, it has the weights it had before. The records
            of the epochs are added to ``history_``.

        Raises
        ------
        ValueError, FloatingPointError, OSError, RuntimeError, KeyboardInterrupt
            As in :meth:`fit`. ValueError also if `X` has another number of channels than before, if
            `X` or the parameter `sampling_rate` has another sampling rate, or if the estimator has
            no distance.

        Warns
        -----
        UserWarning
            As in :meth:`fit`, and if the median magnitude of `X` is far from the first training.

        Examples
        --------
        >>> from relcon_sklearn import RelConEmbedder
        >>> from relcon_sklearn.datasets import make_motion
        >>> X, *_ = make_motion(60, n_subjects=3, n_timesteps=128, random_state=0)
        >>> embedder = RelConEmbedder(max_epochs=1, steps_per_epoch=2, sampling_rate=50).fit(X)
        >>> further = embedder.set_params(lr=1e-4).partial_fit(X)
        >>> [record["epoch"] for record in further.history_]
        [1, 2]
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X, groups=groups)
        if self.distance_ is None:
            raise ValueError(
                "partial_fit ranks candidates by a distance, but this RelConEmbedder was loaded "
                "without one. Pass distance=... to from_released_checkpoint."
            )
        self._validate_params()
        rate, name = rate_of(self, "sampling_rate_"), type(self).__name__
        check_rate(self.sampling_rate, rate, "X", name, is_parameter=True)
        array, index = self._check_training(X, groups, "partial_fit")
        magnitudes_of(array)  # warns of other units before the training, which may not read all
        n_before = len(self.history_)
        self._train_further(array, index)
        if len(self.history_) > n_before:
            self._mark_card()
        return self

    def _mark_card(self) -> None:
        """Say in the model card, if there is one, that the encoder was trained further."""
        card = getattr(self, "card_", None)
        if isinstance(card, str) and not card.startswith(_HEADING):
            self.card_ = f"{_HEADING}, the encoder was trained further.\n\n{card}"
