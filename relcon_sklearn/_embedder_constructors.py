"""Class methods of RelConEmbedder that make an embedder."""

from __future__ import annotations

import os

from sklearn.frozen import FrozenEstimator

from ._files._recipes import Recipe
from ._files._released_checkpoints import as_encoder, read_released
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import released_distance
from .nn._presets import encoder_preset
from .nn._released_networks import released_encoder


class EmbedderConstructors:
    """Class methods of :class:`RelConEmbedder` that return an embedder."""

    @classmethod
    def from_released_checkpoint(cls, path, *, distance=None, **params):
        """Load an encoder that was trained with the released code of RelCon or Pulse-PPG.

        Both write files of the same kind ("checkpoint_best.pkl"). The encoder and its size are
        inferred from the names and shapes of the weights. Strides and the kind of pooling are
        assumed to be as published. The encoder of RelCon expects accelerations in g, the encoder of
        Pulse-PPG pulse waves of any scale. Both expect the sampling rate that they were trained
        with, which is not in the file. Pass it in `sampling_rate`, so that segments of another rate
        are refused.

        Parameters
        ----------
        path : str or path-like
            Path of the file. Nothing in the file is executed. It may have been written on a GPU.
        distance : LearnedMotifDistance, FrozenEstimator, callable, str, path-like or None, \
                default=None
            Distance that ranked the candidates, which the file does not contain. Only :meth:`score`
            needs it. Pass a fitted `LearnedMotifDistance`, another distance as in the constructor,
            or the path of a checkpoint to load with
            :meth:`LearnedMotifDistance.from_released_checkpoint`. If None, :meth:`score` raises an
            error.
        **params : dict
            Other parameters of the estimator, such as `device`. All others are those of
            :meth:`published`.

        Returns
        -------
        embedder : RelConEmbedder
            Fitted estimator for segments of any length. Its `encoder` is the name of an encoder or,
            if that has no name, a :class:`functools.partial` of its class. ``history_`` has one
            record: ``epoch``, the epoch after which the file was written, counted from 0, and
            ``test_loss``, the sum of the losses of the validation batches.

        Raises
        ------
        ValueError
            If `distance` does not fit the encoder, or was fitted with another sampling rate.
        DamagedFileError
            If the file is damaged or is not such a checkpoint. It is a ValueError and an OSError.
        OSError
            If the file cannot be read.
        """
        checkpoint = read_released(path, released_encoder)
        n_channels = checkpoint.net.settings["n_channels"]
        if isinstance(distance, (str, os.PathLike)):
            device = params.get("device", "auto")
            distance = LearnedMotifDistance.from_released_checkpoint(distance, device=device)
        if isinstance(distance, LearnedMotifDistance):
            distance = FrozenEstimator(distance)  # so that a clone keeps its weights
        embedder = cls.published(distance, encoder=as_encoder(checkpoint.net), **params)
        embedder._validate_params()
        embedder.distance_ = released_distance(distance, n_channels)
        factory, settings = encoder_preset(embedder.encoder)
        recipe = Recipe(factory, {"n_channels": n_channels, **settings})
        embedder._n_features_out = checkpoint.install_into(embedder, "encoder_", recipe).n_features
        embedder._adopt_rate(embedder.distance_)
        return embedder

    @classmethod
    def published(cls, distance=None, **params):
        """Return an unfitted embedder with the settings of the paper and its released code.

        They are the published encoder, and 20 within-subject candidates and all other anchors of a
        batch of 64, each a positive in turn, on segments that are not augmented. The learning rate
        of 1e-6 is for a billion segments: with less data, pass a larger `lr`, such as 1e-3.
        :doc:`/differences` lists what else differs from the released code.

        Parameters
        ----------
        distance : LearnedMotifDistance, FrozenEstimator, callable or None, default=None
            Distance that ranks the candidates, as in the constructor. If None, a
            `LearnedMotifDistance` with default settings, which are the published ones.
        **params : dict
            Other parameters of the estimator, which take precedence over these settings.

        Returns
        -------
        embedder : RelConEmbedder
            Unfitted estimator.

        Examples
        --------
        >>> from relcon_sklearn import RelConEmbedder
        >>> embedder = RelConEmbedder.published(lr=1e-3, random_state=0)
        >>> embedder.encoder, embedder.n_within, embedder.batch_size
        ('relcon', 20, 64)
        """
        settings = {
            "encoder": "relcon",
            "n_within": 20,
            "n_between": None,
            "n_positives": None,
            "augmentation": None,
            "candidates": "independent",
            "temperature": 0.1,
            "projection": None,
            "feature_weight": 0.0,
            "steps_per_epoch": None,
            "batch_size": 64,
            "lr": 1e-6,
            "validation_fraction": 0.1,
        }
        return cls(distance, **{**settings, **params})
