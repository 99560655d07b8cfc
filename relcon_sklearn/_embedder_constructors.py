"""Ways to make an embedder other than its constructor."""

from __future__ import annotations

import os

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ._files._recipes import Recipe
from ._files._released_checkpoints import as_encoder, read_released
from ._motif_distance import LearnedMotifDistance
from ._utils._frozen import is_frozen, unwrap
from .augmentations import Jitter, RandomAugmentations, Rotation, Scaling, TimeFlip
from .nn._presets import encoder_preset
from .nn._released_networks import released_encoder


class EmbedderConstructors:
    """Class methods of :class:`RelConEmbedder` that return an embedder."""

    @classmethod
    def from_released_checkpoint(cls, path, *, distance=None, **params):
        """Load an encoder that the released code of RelCon or Pulse-PPG has trained.

        Both write one kind of file ("checkpoint_best.pkl"). Which encoder is in it, and of which
        size, is told by the names and shapes of its weights; strides and the kind of pooling are
        taken to be as published. RelCon's takes accelerations in g, Pulse-PPG's pulse waves of
        any scale, both at the rate that they were trained at, which is not in the file.

        Parameters
        ----------
        path : str or path-like
            The file. It is read without executing anything in it, and may have been written on a
            GPU.
        distance : LearnedMotifDistance, FrozenEstimator, callable, str, path-like or None, \
                default=None
            What candidates were ranked by, which the file does not hold: needed for :meth:`score`
            alone. A fitted `LearnedMotifDistance`, another distance as in the constructor, or the
            path of a checkpoint to load with
            :meth:`LearnedMotifDistance.from_released_checkpoint`.
        **params : dict
            Other parameters of the estimator, such as `device`. Defaults are ours, which are not
            all as published: a clone, when it is fitted, is trained as they say.

        Returns
        -------
        embedder : RelConEmbedder
            A fitted estimator. Its `encoder` is the name of one, or a
            :class:`functools.partial` of its class if it has none, and ``history_`` one record:
            the ``epoch`` the file was written after, the first of which is 0, and ``test_loss``,
            the sum of the losses of the validation batches. ``transform`` takes segments of any
            length.

        Raises
        ------
        ValueError
            If the file is any other, is damaged, or holds anything else.
        OSError
            If the file cannot be read.
        """
        checkpoint = read_released(path, released_encoder)
        n_channels = checkpoint.net.settings["n_channels"]
        if isinstance(distance, (str, os.PathLike)):
            device = params.get("device", "auto")
            distance = LearnedMotifDistance.from_released_checkpoint(distance, device=device)
        if isinstance(distance, LearnedMotifDistance):
            distance = FrozenEstimator(distance)  # a clone keeps its weights
        embedder = cls(distance, encoder=as_encoder(checkpoint.net), **params)
        embedder._validate_params()
        embedder.distance_ = _fitted_distance(distance, n_channels)
        factory, settings = encoder_preset(embedder.encoder)
        recipe = Recipe(factory, {"n_channels": n_channels, **settings})
        embedder._n_features_out = checkpoint.install_into(embedder, "encoder_", recipe).n_features
        return embedder

    @classmethod
    def for_cpu(cls, distance=None, **params):
        """Return an unfitted embedder with settings that train in about a minute on a CPU.

        They are the settings of the gallery, for some thousand segments: a small distance and
        encoder, candidates shared within a batch and ranked by every fourth time step, and the
        contrast of two augmented views with the nearest within-subject candidate.

        Parameters
        ----------
        distance : LearnedMotifDistance, FrozenEstimator, callable or None, default=None
            As in the constructor; None is ``LearnedMotifDistance.for_cpu()``.
        **params : dict
            Other parameters of the estimator; they take precedence over these settings.

        Returns
        -------
        embedder : RelConEmbedder
            An unfitted estimator.

        Examples
        --------
        >>> from relcon_sklearn import RelConEmbedder
        >>> embedder = RelConEmbedder.for_cpu(max_epochs=30, random_state=0)
        >>> embedder.encoder, embedder.candidates, embedder.max_epochs
        ('resnet14-half', 'shared', 30)
        """
        settings = {
            "encoder": "resnet14-half",
            "augmentation": RandomAugmentations([Rotation(), Scaling(), Jitter(0.05), TimeFlip()]),
            "n_positives": 2,
            "n_within": 7,
            "n_between": 0,
            "candidates": "shared",
            "batch_size": 8,
            "query_stride": 4,
            "max_epochs": 15,
        }
        if distance is None:
            distance = LearnedMotifDistance.for_cpu()
        return cls(distance, **{**settings, **params})


def _fitted_distance(distance, n_channels: int):
    """Return what a frozen distance holds, if it is fitted to so many channels."""
    if is_frozen(distance):
        distance = unwrap(distance)
        check_is_fitted(distance)
        if distance.n_channels_in_ != n_channels:
            raise ValueError(
                f"distance was fitted with {distance.n_channels_in_} channels, but the encoder "
                f"with {n_channels}."
            )
    elif isinstance(distance, BaseEstimator):
        raise ValueError(
            f"distance={distance!r} cannot be fitted here: pass a fitted LearnedMotifDistance."
        )
    return distance
