"""Class methods of LearnedMotifDistance that make a distance."""

from __future__ import annotations

import numpy as np

from ._files._recipes import Recipe
from ._files._released_checkpoints import read_released
from ._utils._warnings import warn
from .nn import MotifCrossAttention
from .nn._released_networks import released_motif_attention

# Published kernel size of the convolutions, and the default of the network.
_KERNEL_SIZE = 15


class DistanceConstructors:
    """Class methods of :class:`LearnedMotifDistance` that return a distance."""

    @classmethod
    def from_released_checkpoint(cls, path, *, references=None, attention="sparsemax", **params):
        """Load a motif distance that was trained with the released code of RelCon.

        The size of the network is inferred from the names and shapes of the weights in the file.

        Parameters
        ----------
        path : str or path-like
            Path of the file ("checkpoint_best.pkl"). Nothing in the file is executed. It may have
            been written on a GPU.
        references : array-like of shape (n_references, n_timesteps, n_channels) or None, \
                default=None
            Reference segments for :meth:`transform`, which the file does not contain. If None,
            :meth:`transform` raises an error. Ranking and the other methods need no references.
        attention : {"sparsemax", "softmax"}, default="sparsemax"
            Function that maps attention scores to weights, which the file does not contain. The
            released code trains with sparsemax, as described in the paper, but ranks with softmax,
            because its evaluation follows another code path. Use "softmax" to rank as it does.
        **params : dict
            Other parameters of the estimator, such as `device`. `embed_dim`, `n_layers` and `revin`
            are set to match the network in the file.

        Returns
        -------
        distance : LearnedMotifDistance
            Fitted estimator for segments of any length. ``history_`` has one record: ``epoch``, the
            epoch after which the file was written, counted from 0, and ``test_loss``, the sum of
            the losses of the validation batches.

        Raises
        ------
        DamagedFileError
            If the file is damaged or is not such a checkpoint. It is a ValueError and an OSError.
        OSError
            If the file cannot be read.

        Warns
        -----
        UserWarning
            If the kernel size is not the published 15. The estimator has no parameter for it.
        """
        checkpoint = read_released(path, released_motif_attention)
        settings = checkpoint.net.settings
        size = {name: settings[name] for name in ("embed_dim", "n_layers")}
        distance = cls(attention=attention, revin=True, **size, **params)
        distance._validate_params()
        arguments = {"n_channels": settings["n_channels"], **distance._net_settings()}
        if settings["kernel_size"] != _KERNEL_SIZE:
            arguments["kernel_size"] = settings["kernel_size"]
            warn(
                f"{path} has convolutions of {settings['kernel_size']} time steps, for which "
                f"{cls.__name__} has no parameter. A clone that is fitted has {_KERNEL_SIZE}."
            )
        checkpoint.install_into(distance, "net_", Recipe(MotifCrossAttention, arguments))
        distance.references_ = np.empty((0, 1, distance.n_channels_in_), dtype=np.float32)
        if references is not None:
            array = distance._check_segments(references, reset=False, name="references")
            distance.references_ = array.read(np.arange(len(array)))
            distance.n_references = len(array)
        distance.reference_rows_ = np.arange(len(distance.references_))
        return distance

    @classmethod
    def for_cpu(cls, **params):
        """Return an unfitted distance with settings that train in seconds on a CPU.

        The gallery uses these settings: a quarter of the published size, small batches, a high
        learning rate and few epochs.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator, which take precedence over these settings.

        Returns
        -------
        distance : LearnedMotifDistance
            Unfitted estimator.

        Examples
        --------
        >>> from relcon_sklearn import LearnedMotifDistance
        >>> LearnedMotifDistance.for_cpu(max_epochs=8)
        LearnedMotifDistance(batch_size=16, embed_dim=16, lr=0.01, max_epochs=8)
        """
        settings = {"embed_dim": 16, "max_epochs": 4, "batch_size": 16, "lr": 1e-2}
        return cls(**{**settings, **params})
