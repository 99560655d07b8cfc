"""LearnedMotifDistance: how well can one segment be rebuilt from another?"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._base import SegmentTransformer, check_several
from ._batches import Batches
from ._files import FittedReader, FittedWriter, ModuleKind, saved_in_files
from ._files._recipes import Recipe
from ._files._released_checkpoints import read_released
from ._motif_pairs import PairComparison
from ._training import fit_module, mean_loss, reconstruction_loss
from ._utils._memory_advice import advises_on_memory
from ._utils._warnings import warn
from .augmentations import RandomAugmentations
from .nn import MotifCrossAttention
from .nn._motif_attention import ATTENTIONS
from .nn._released_networks import released_motif_attention
from .segments._array import SegmentArray

# Of the convolutions, as published: what the network has by default.
_KERNEL_SIZE = 15

# The network in files. Each of its layers has at least 12 tensors.
_NET = ModuleKind(MotifCrossAttention, "n_layers", 12)


@saved_in_files
class LearnedMotifDistance(PairComparison, SegmentTransformer):
    r"""Learnable distance between motion segments, trained to disregard rotations.

    The distance of an anchor segment A from a candidate B is the squared error with which A can
    be rebuilt from the motifs (short patterns) of B,

    .. math:: d(A|B) = \| \hat A(A|B) - A \|^2,

    summed over time and channels, by a small cross-attention network
    (:class:`relcon_sklearn.nn.MotifCrossAttention`; RelCon [1]_, section 3.1). The network
    learns without labels, by rebuilding segments from augmented copies of themselves: what the
    augmentations change (orientation, noise, pace, order of pieces) becomes cheap, what they keep
    (the shape of the movement) becomes what the distance measures. How far that goes depends on the
    data: after short trainings it saw through most rotations of segments less their mean, but not
    of segments with gravity in them (:doc:`/guide/distance`). It is not symmetric: the anchor
    always comes first.

    As a transformer it gives the distances to reference segments kept from the training data.

    Parameters
    ----------
    embed_dim : int, default=64
        Size of the queries, keys and values; as published.
    n_layers : int, default=2
        Dilated blocks of each convolutional network, with dilations 1, 2, 4, ...; as published.
    attention : {"sparsemax", "softmax"}, default="sparsemax"
        How attention scores become weights, in training and in use alike.
    dropout : float, default=0.1
        Fraction of the attention weights dropped in training; as published.
    revin : bool, default=True
        Whether anchor and candidate are normalised with the candidate's mean and standard
        deviation (RevIN); as published. Without, they are compared in g as they are.
    augmentation : callable or None, default=None
        ``augmentation(segments, generator)`` returns changed copies of a float tensor
        (n_segments, n_timesteps, n_channels), drawing only from the torch generator. None takes
        :class:`relcon_sklearn.RandomAugmentations`: two of the eight published ones.
    n_references : int or None, default=64
        Segments kept from training for :meth:`transform`, drawn evenly over the groups, in the
        order of X. None keeps all of them, so that the transform of the training data is square,
        as ``KNeighborsClassifier(metric="precomputed")`` wants it.
    max_epochs : int, default=10
        Passes over the segments; as published.
    batch_size : int, default=64
        Segments per training step; as published.
    lr : float, default=1e-3
        Peak learning rate of Adam; the published rate, reached after a short warm-up and left
        along a half cosine.
    validation_fraction : float, default=0.1
        Fraction of the groups held out, whole, to choose the best epoch by. With 0, or if there
        are too few groups (a warning says so), the last epoch is kept.
    callbacks : list of skorch callbacks or None, default=None
        Called by the training loop. A learning-rate scheduler replaces the built-in one.
    checkpoint_dir : str, path-like, Checkpoints or None, default=None
        Folder in which the training is saved every ten minutes; with
        :class:`relcon_sklearn.Checkpoints` at other times. If it was begun there, with the same
        parameters and data, `fit` goes on from the last checkpoint, to the same weights as without
        a break; with others it refuses. Ctrl-C and SIGTERM finish the step at hand and save it.
    device : str, default="auto"
        Torch device. "auto" is CUDA where there is one, else the CPU.
    random_state : int, RandomState instance or None, default=None
        Source of all randomness. An int gives the same result every time on the same CPU, with the
        same number of torch's threads.
    verbose : int, default=0
        Progress bars if positive.

    Attributes
    ----------
    net_ : relcon_sklearn.nn.MotifCrossAttention
        The trained network.
    references_ : ndarray of shape (n_references, n_timesteps, n_channels)
        The reference segments, float32; there is none (length 0) if the distance was loaded from a
        checkpoint of the released code without any.
    reference_rows_ : ndarray of shape (n_references,)
        Their rows in the training data, or in what was given as references.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``: mean
        distances of segments from augmented copies of themselves.
    n_features_in_ : int
        Number of time steps of a training segment. A checkpoint of the released code does not
        tell it.
    n_channels_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of str
        Column names of X, if it was a data frame (of one-channel segments) with such names.

    See Also
    --------
    RelConEmbedder : An embedding that keeps the order of these distances.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822

    Examples
    --------
    >>> from relcon_sklearn import LearnedMotifDistance
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
    >>> distance.fit(X, groups=subjects).pairwise(X[:2], X).shape
    (2, 60)
    """

    _parameter_constraints: dict = {
        **SegmentTransformer._parameter_constraints,
        "embed_dim": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 0, None, closed="left")],
        "attention": [StrOptions(set(ATTENTIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "revin": ["boolean"],
        "augmentation": [callable, None],
        "n_references": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        embed_dim=64,
        n_layers=2,
        attention="sparsemax",
        dropout=0.1,
        revin=True,
        augmentation=None,
        n_references=64,
        max_epochs=10,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.1,
        callbacks=None,
        checkpoint_dir=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.embed_dim = embed_dim
        self.n_layers = n_layers
        self.attention = attention
        self.dropout = dropout
        self.revin = revin
        self.augmentation = augmentation
        self.n_references = n_references
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @advises_on_memory("training")
    def fit(self, X, y=None, groups=None):
        """Learn the distance.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D data are segments of one channel. May be a memory-mapped array, or
            anything else with shape, dtype and row indexing; it is read batch by batch.
        y : None
            Ignored.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is; held-out groups and references are drawn by it. None makes
            every segment a group of its own.

        Returns
        -------
        self : LearnedMotifDistance
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or groups cannot be used, or hold NaN or infinity, or if `checkpoint_dir` holds
            another training.
        FloatingPointError
            If training diverges.
        OSError
            If a checkpoint cannot be written.
        RuntimeError
            If another fit is training into the same `checkpoint_dir`.
        KeyboardInterrupt
            On Ctrl-C; with `checkpoint_dir` also on SIGTERM, and after the step at hand was saved.

        Warns
        -----
        UserWarning
            If there are too few groups for `validation_fraction`: there is no validation then.
        """
        array = self._check_segments(X, reset=True)
        index = self._check_groups(groups, len(array))
        check_several(array)
        run = self._open_checkpoints(array, index)
        self._build(
            "net_",
            MotifCrossAttention,
            run.seed,
            n_channels=self.n_channels_in_,
            **self._net_settings(),
        )
        parts = self._hold_out(index, run.seed)
        data = self._near_the_device(array)
        train, valid = (
            None if part is None else Batches(data, part, self.batch_size, run.seed)
            for part in parts
        )
        history = fit_module(
            self.net_,
            reconstruction_loss(self._augmentation()),
            train,
            valid,
            self._training_options("motif distance", run),
        )
        n_references = len(array) if self.n_references is None else self.n_references
        self.reference_rows_ = index.sample_evenly(n_references, np.random.default_rng(run.seed))
        self.references_ = array.read(self.reference_rows_)
        self.history_ = history
        return self

    def transform(self, X):
        """Return the distances of segments from the reference segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Anchors. With three dimensions they may be of another length than the training
            segments.

        Returns
        -------
        distances : ndarray of shape (n_segments, n_references)
            Float32; row i holds d(X[i] | reference j).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used, has another number of channels than in training, or holds NaN or
            infinity, or if there are no reference segments.
        """
        check_is_fitted(self)
        if len(self.references_) == 0:
            raise ValueError(
                "transform gives distances from reference segments, and this LearnedMotifDistance "
                "has none: use pairwise, or give it some (references=... where it is loaded by "
                "from_released_checkpoint; references_ where they were taken out)."
            )
        return self._pairwise(self._check_segments(X, reset=False), SegmentArray(self.references_))

    @advises_on_memory("scoring")
    def score(self, X, y=None):
        """Return minus the mean distance of segments from augmented copies of themselves.

        The augmentations are drawn from a fixed seed, so that models of the same `augmentation` can
        be compared.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Higher is better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used.
        """
        check_is_fitted(self)
        array = self._check_segments(X, reset=False)
        index = self._check_groups(None, len(array))
        batches = Batches(array, index, self.batch_size, seed=0)
        loss = reconstruction_loss(self._augmentation())
        return -mean_loss(self.net_, loss, batches, self._device())

    @classmethod
    def from_released_checkpoint(cls, path, *, references=None, attention="sparsemax", **params):
        """Load a motif distance that the released code of RelCon has trained.

        Its size is told by the names and shapes of the weights in the file.

        Parameters
        ----------
        path : str or path-like
            The file ("checkpoint_best.pkl"). It is read without executing anything in it, and may
            have been written on a GPU.
        references : array-like of shape (n_references, n_timesteps, n_channels) or None, \
                default=None
            The segments that :meth:`transform` gives distances from, which the file does not
            hold. None are needed for the other methods, or to rank by.
        attention : {"sparsemax", "softmax"}, default="sparsemax"
            How attention scores become weights, which the file does not tell. The released code
            trains with sparsemax, as the paper has it, but ranks with softmax, since its
            evaluation takes another path: that is what to choose to rank as it does.
        **params : dict
            Other parameters of the estimator, such as `device`. Its size and `revin` are those of
            the network in the file.

        Returns
        -------
        distance : LearnedMotifDistance
            A fitted estimator. ``history_`` has one record: the ``epoch`` the file was written
            after, the first of which is 0, and ``test_loss``, the sum of the losses of the
            validation batches. Segments may be of any length.

        Raises
        ------
        ValueError
            If the file is any other, is damaged, or holds anything else.
        OSError
            If the file cannot be read.

        Warns
        -----
        UserWarning
            If the kernel size is not the published 15, of which the estimator has no parameter.
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
                f"{path} has convolutions of {settings['kernel_size']} time steps. The estimator "
                f"has no parameter for that: a clone, if it is fitted, has {_KERNEL_SIZE}."
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

        They are the settings of the gallery: a quarter of the published size, small batches, a
        high learning rate and few epochs.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator; they take precedence over these settings.

        Returns
        -------
        distance : LearnedMotifDistance
            An unfitted estimator.

        Examples
        --------
        >>> from relcon_sklearn import LearnedMotifDistance
        >>> LearnedMotifDistance.for_cpu(max_epochs=8)
        LearnedMotifDistance(batch_size=16, embed_dim=16, lr=0.01, max_epochs=8)
        """
        settings = {"embed_dim": 16, "max_epochs": 4, "batch_size": 16, "lr": 1e-2}
        return cls(**{**settings, **params})

    def _write_fitted(self, writer: FittedWriter) -> dict:
        writer.array("references_", np.float32)
        writer.array("reference_rows_", np.int64)
        return {**super()._write_fitted(writer), "net_": writer.module("net_")}

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        net = reader.module("net_", _NET)
        net.check_arguments(n_channels=self.n_channels_in_)
        # All else it was made with are parameters, which may have been changed since it was fitted.
        others = {k: v for k, v in net.recipe.kwargs.items() if k in self._net_settings()}
        type(self)(**others)._validate_params()
        n, n_timesteps, _ = reader.shape("references_", 3)
        n_timesteps = getattr(self, "n_features_in_", n_timesteps)
        reader.array("references_", "F32", (n, n_timesteps, self.n_channels_in_))
        reader.array("reference_rows_", "I64", (n,))

    @property
    def _n_features_out(self):
        return len(self.references_)

    def _net_settings(self) -> dict:
        names = ("embed_dim", "n_layers", "attention", "dropout", "revin")
        return {name: getattr(self, name) for name in names}

    def _augmentation(self):
        return RandomAugmentations() if self.augmentation is None else self.augmentation
