"""LearnedMotifDistance: how well one segment can be reconstructed from another."""

from __future__ import annotations

import os
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._base import SegmentTransformer, check_at_least_two
from ._batches import Batches, GroupIndex, train_and_valid
from ._distance_constructors import DistanceConstructors
from ._files import FittedReader, FittedWriter, ModuleKind, saved_in_files
from ._initial import fingerprint_of_initial, initial_model
from ._motif_pairs import PairComparison
from ._training import fit_module, mean_loss, reconstruction_loss
from ._training._distributed import breaks_off_for_all
from ._training._own_rows import augments_each_alone, of_whole_batches
from ._utils._memory_advice import advises_on_memory
from .augmentations import RandomAugmentations
from .nn import MotifCrossAttention
from .nn._motif_attention import ATTENTIONS
from .segments._array import SegmentArray

# The kind of module that files hold as `net_`. Each of its layers has at least 12 tensors.
_NET = ModuleKind(MotifCrossAttention, "n_layers", 12)


@saved_in_files
class LearnedMotifDistance(DistanceConstructors, PairComparison, SegmentTransformer):
    r"""Learned distance between motion segments, trained to ignore rotations.

    The distance of an anchor segment :math:`A` from a candidate :math:`B` is the squared error of
    the reconstruction :math:`\hat A(A|B)` of the anchor from motifs (short patterns) of the
    candidate, summed over time and channels (RelCon [1]_, section 3.1):

    .. math:: d(A|B) = \| \hat A(A|B) - A \|^2

    A small cross-attention network (:class:`relcon_sklearn.nn.MotifCrossAttention`) computes the
    reconstruction. It is trained without labels, by reconstructing segments from augmented copies
    of themselves. Differences of the kind that the augmentations make (orientation, noise, pace,
    order of pieces) then cost little, and the distance measures what they preserve (the shape of
    the movement). How well this works depends on the data: after short trainings, the distance
    ignored most rotations of segments without their mean, but not of segments that contain gravity
    (:doc:`/guide/distance`). The distance is not symmetric: the anchor always comes first.

    As a transformer, the estimator returns the distances from reference segments, which it keeps
    from the training data.

    Parameters
    ----------
    embed_dim : int, default=64
        Size of the queries, keys and values, as published.
    n_layers : int, default=2
        Number of dilated blocks of each convolutional network, as published. Their dilations are
        1, 2, 4, ...
    attention : {"sparsemax", "softmax"}, default="sparsemax"
        Function that maps attention scores to weights, in training and in use.
    dropout : float, default=0.1
        Fraction of the attention weights that are dropped in training, as published.
    revin : bool, default=True
        Whether to normalise anchor and candidate with the mean and standard deviation of the
        candidate (RevIN), as published. If False, they are compared unmodified, in g.
    init : FrozenEstimator, LearnedMotifDistance, str, path-like or None, default=None
        Model whose weights the training starts with: a fitted distance, or the file or folder of a
        saved one. Put a fitted distance in a `FrozenEstimator`, because a clone has no weights
        otherwise. The network is then that of the model, and each of the parameters above must have
        its default or the value of the model. `X` must have the channels and the sampling rate of
        the model. If None, the training starts with new weights.
    augmentation : callable or None, default=None
        Function ``augmentation(segments, generator)`` that returns changed copies of a float
        tensor of shape (n_segments, n_timesteps, n_channels) and draws random numbers from the
        torch generator only. If None, :class:`relcon_sklearn.RandomAugmentations` is used, which
        applies two of the eight published augmentations.
    n_references : int or None, default=64
        Number of training segments to keep as references for :meth:`transform`. They are drawn
        evenly from the groups and keep the order of `X`. If None, all segments are kept. The
        transform of the training data is then square, as
        ``KNeighborsClassifier(metric="precomputed")`` requires.
    query_stride : int, default=1
        If greater than 1, an embedder ranks candidates by an approximation of this distance: the
        error of every `query_stride`-th time step of the anchor. With 4, ranking takes about half
        the time on a CPU, and the order hardly changes (:doc:`/speed`). It must be smaller than
        the number of time steps, unless it is 1. The methods of the distance itself are always
        exact.
    n_channels : int or None, default=None
        Number of channels. With it, 2-D `X` may be flat, of shape
        (n_segments, n_timesteps * n_channels), and is read as
        ``X.reshape(n_segments, -1, n_channels)``. 3-D `X` must have this number of channels. If
        None, 2-D `X` has one channel, and a shape of `X` that suggests another layout gives a
        warning (:doc:`/guide/layouts`).
    max_epochs : int, default=10
        Number of epochs, which are passes over the segments unless `steps_per_epoch` is given.
    steps_per_epoch : int or None, default=None
        Number of training steps of an epoch. The budget is then independent of the number of
        segments. Each validation takes at most as many batches, which are drawn at random once. If
        None, an epoch is a pass over the segments, as published. That takes days for large stores.
    batch_size : int, default=64
        Number of segments per training step, as published.
    lr : float, default=1e-3
        Peak learning rate of Adam, as published. It is reached after a short warm-up and then
        decays along a half cosine.
    validation_fraction : float, default=0.1
        Fraction of the groups to hold out for validation. The weights of the epoch with the lowest
        validation loss are kept. If 0, or if there are too few groups (with a warning), the weights
        of the last epoch are kept.
    sampling_rate : float or None, default=None
        Sampling rate of the segments in Hz. If None, the rate that `X` has as an attribute, as from
        :func:`segment_recordings`, ``store.X`` and :class:`LazyWindows`, or the rate of `init`. It
        does not change the training.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training loop. A learning-rate scheduler replaces the built-in schedule.
        See :doc:`/guide/watching` for the callbacks of skorch that are supported.
    checkpoint_dir : str, path-like, Checkpoints or None, default=None
        Folder in which `fit` saves the training every ten minutes. Pass a
        :class:`relcon_sklearn.Checkpoints` for other times. `fit` with the same parameters and data
        resumes from the last checkpoint and ends with the weights of an uninterrupted `fit`. With
        other parameters or data, it raises an error. On Ctrl-C and SIGTERM, it finishes the current
        step and saves the training. If None, nothing is saved.
    device : str, default="auto"
        Torch device. If "auto", CUDA if it is available, otherwise the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of convolutions and attention scores in :meth:`transform` and :meth:`pairwise`,
        float32 if "auto". "bfloat16" takes less time on CPUs and GPUs that have instructions for it
        and hardly changes the order of candidates (:doc:`/speed`). Distances are always float32. An
        embedder ranks candidates in its own `precision`, and `fit` and the other methods of the
        distance are in float32.
    random_state : int, RandomState instance or None, default=None
        Source of all random draws. An int gives the same result in every fit on the same CPU with
        the same number of torch threads.
    verbose : int, default=0
        Verbosity level. Progress bars are shown if it is positive.

    Attributes
    ----------
    net_ : relcon_sklearn.nn.MotifCrossAttention
        The trained network.
    references_ : ndarray of shape (n_references, n_timesteps, n_channels)
        The reference segments, float32. It is empty (length 0) if the distance was loaded from a
        checkpoint of the released code without references.
    reference_rows_ : ndarray of shape (n_references,)
        Rows of the references in the training data, or in the `references` that were passed to
        :meth:`from_released_checkpoint`.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``. The
        losses are mean distances of segments from augmented copies of themselves.
    n_features_in_ : int
        Number of time steps of the training segments. With `n_channels`, number of columns of
        flat segments: ``n_timesteps * n_channels``. Not set if the estimator was loaded from a
        checkpoint of the released code, which does not contain it.
    n_channels_in_ : int
        Number of channels.
    sampling_rate_ : float or None
        Sampling rate of the training segments in Hz. None if it is not known. Segments that have
        another rate as an attribute are refused.
    feature_names_in_ : ndarray of str
        Column names of `X`. Set only for data frames with string column names.

    See Also
    --------
    RelConEmbedder : Embedding that keeps the order of these distances.

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
        "init": [HasMethods(["fit", "transform"]), str, os.PathLike, None],
        "augmentation": [callable, None],
        "n_references": [Interval(Integral, 1, None, closed="left"), None],
        "query_stride": [Interval(Integral, 1, None, closed="left")],
        "steps_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    }

    # The training is always in float32.
    _without_effect = SegmentTransformer._without_effect | {"precision"}

    def __init__(
        self,
        *,
        embed_dim=64,
        n_layers=2,
        attention="sparsemax",
        dropout=0.1,
        revin=True,
        init=None,
        augmentation=None,
        n_references=64,
        query_stride=1,
        n_channels=None,
        max_epochs=10,
        steps_per_epoch=None,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.1,
        sampling_rate=None,
        callbacks=None,
        checkpoint_dir=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.embed_dim = embed_dim
        self.n_layers = n_layers
        self.attention = attention
        self.dropout = dropout
        self.revin = revin
        self.init = init
        self.augmentation = augmentation
        self.n_references = n_references
        self.query_stride = query_stride
        self.n_channels = n_channels
        self.max_epochs = max_epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.sampling_rate = sampling_rate
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @breaks_off_for_all
    def fit(self, X, y=None, *, groups=None):
        """Learn the distance.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D input is (n_segments, n_timesteps), with one channel, or flat if
            `n_channels` is set. `X` may be a memory-mapped array or any object with shape, dtype
            and row indexing, which is read batch by batch. A data frame has one segment per row.
        y : Ignored
            Not used, present for API consistency by convention.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to. Validation holds out whole groups, and references
            are drawn evenly from the groups. If None, every segment is its own group.

        Returns
        -------
        self : LearnedMotifDistance
            The fitted estimator.

        Raises
        ------
        ValueError
            If `X` or `groups` cannot be used or contain NaN or infinity, if `X`, the parameter and
            nested estimators have different sampling rates, if `init` is not fitted, cannot be
            loaded, or does not match `X` or the parameters, if `checkpoint_dir` holds another
            training, if a callback is not supported, or if there is no such `device`.
        FloatingPointError
            If training diverges.
        OSError
            If a checkpoint cannot be written, or if those to resume from are damaged.
        RuntimeError
            If another fit uses the same `checkpoint_dir`, or if another process of the training
            ends or fails (:doc:`/guide/many_machines`).
        KeyboardInterrupt
            On Ctrl-C. With `checkpoint_dir`, also on SIGTERM, and after the current step is saved.

        Warns
        -----
        UserWarning
            If there are too few groups for `validation_fraction`. There is then no validation.
            If this model has a card, or is a clone, without `init`, of one: its weights are lost.
            If all segments, or the 256 that are read, are constant over time, and are trained on.
            If `X` seems to be in m/s^2 or mg, or in other units than the training of `init`.
            If more than ten minutes of training remain on a CPU, and `verbose` is 0.
            If `n_channels` is None, and `X` has few columns, or more channels than time steps.
        """
        model = initial_model(self, LearnedMotifDistance)
        array = self._check_segments(X, reset=True)
        self._check_query_stride(array)
        if model is not None:
            self._check_initial(model, array)
            self._check_net(model)
        index = self._check_groups(groups, len(array))
        check_at_least_two(array)
        self._train(array, index, model)
        return self

    def _check_query_stride(self, array: SegmentArray) -> None:
        """Raise ValueError if only one time step of a segment would be compared."""
        if self.query_stride > 1 and self.query_stride >= array.shape[1]:
            raise ValueError(
                f"query_stride={self.query_stride}, but segments of {array.name} have "
                f"{array.shape[1]} time steps, so that only one of them would rank candidates. "
                "Pass a smaller query_stride, such as 4."
            )

    @advises_on_memory("training")
    def _train(
        self, array: SegmentArray, index: GroupIndex, model: LearnedMotifDistance | None
    ) -> None:
        run = self._open_checkpoints(array, index, **fingerprint_of_initial(model, "net_"))
        if model is None:
            settings = {"n_channels": self.n_channels_in_, **self._net_settings()}
            self._build("net_", MotifCrossAttention, run.seed, **settings)
        else:
            self._copy_module("net_", model)
        parts = self._hold_out(index, run.seed)
        data = self._training_data(array, run)
        loss = reconstruction_loss(self._augmentation())
        if not augments_each_alone(self._augmentation()):
            loss = of_whole_batches(loss, data)
        sizes = {"batch_size": self.batch_size, "seed": run.seed}
        batches = partial(Batches, data, **sizes, share=run.processes.share)
        train, valid = train_and_valid(batches, *parts, self.steps_per_epoch)
        options = self._training_options("motif distance", run)
        history = fit_module(self.net_, loss, train, valid, options)
        n_references = len(array) if self.n_references is None else self.n_references
        self.reference_rows_ = index.sample_evenly(n_references, np.random.default_rng(run.seed))
        self.references_ = array.read(self.reference_rows_)
        self._adopt_card(model, history)
        self.history_ = history

    def transform(self, X):
        """Return the distances of segments from the reference segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, which are the anchors. 3-D input may have another number of time steps than
            in training.

        Returns
        -------
        distances : ndarray of shape (n_segments, n_references)
            Float32 distances. The entry of row i and column j is d(X[i] | references_[j]).

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, has another number of channels or another sampling rate than in
            training, or contains NaN or infinity, or if there are no reference segments.

        Warns
        -----
        UserWarning
            If magnitudes of `X` are far from those of the training (other units, gravity removed).
        """
        check_is_fitted(self)
        if len(self.references_) == 0:
            raise ValueError(
                "transform returns distances from reference segments, but this "
                "LearnedMotifDistance has no references. Use pairwise, pass references=... to "
                "from_released_checkpoint, or restore references_ if it was emptied."
            )
        return self._pairwise(self._check_segments(X, reset=False), SegmentArray(self.references_))

    @advises_on_memory("scoring")
    def score(self, X, y=None):
        """Return the negative mean distance of segments from augmented copies of themselves.

        The augmentations are drawn with a fixed seed, so that models with the same `augmentation`
        can be compared.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        score : float
            Negative mean distance. Higher is better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used.
        """
        check_is_fitted(self)
        array = self._check_segments(X, reset=False)
        index = self._check_groups(None, len(array))
        batches = Batches(array, index, self.batch_size, seed=0)
        loss = reconstruction_loss(self._augmentation())
        return -mean_loss(self.net_, loss, batches, self._device())

    def _write_fitted(self, writer: FittedWriter) -> dict:
        writer.array("references_", np.float32)
        writer.array("reference_rows_", np.int64)
        return {**super()._write_fitted(writer), "net_": writer.module("net_")}

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        net = reader.module("net_", _NET)
        net.check_arguments(n_channels=self.n_channels_in_)
        # The other arguments are parameters, which may have been changed after fit.
        others = {k: v for k, v in net.recipe.kwargs.items() if k in self._net_settings()}
        type(self)(**others)._validate_params()
        n_references, n_timesteps, _ = reader.shape("references_", 3)
        n_timesteps = getattr(self, "_n_timesteps_in", n_timesteps)
        reader.array("references_", "F32", (n_references, n_timesteps, self.n_channels_in_))
        reader.array("reference_rows_", "I64", (n_references,))

    @property
    def _n_features_out(self):
        return len(self.references_)

    def _net_settings(self) -> dict:
        names = ("embed_dim", "n_layers", "attention", "dropout", "revin")
        return {name: getattr(self, name) for name in names}

    def _check_net(self, model: LearnedMotifDistance) -> None:
        """Raise ValueError unless parameters have their defaults, or the values of a model."""
        defaults, theirs = LearnedMotifDistance()._net_settings(), model._recipes["net_"].kwargs
        for name, value in self._net_settings().items():
            if value not in (defaults[name], theirs[name]):
                raise ValueError(
                    f"{name}={value!r}, but the network of init has {name}={theirs[name]!r}. Leave "
                    f"{name} at its default to start with the network of init, or pass init=None "
                    "to train a new one."
                )

    def _augmentation(self):
        return RandomAugmentations() if self.augmentation is None else self.augmentation
