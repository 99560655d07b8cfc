"""RelConEmbedder: a motion encoder pretrained by relative contrastive learning."""

from __future__ import annotations

from contextlib import nullcontext
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ._base import Run, SegmentTransformer, check_several
from ._batches import Batches, DeviceSegments, GroupIndex, SharedBatches
from ._embedder_constructors import EmbedderConstructors
from ._files import FileError, FittedReader, FittedWriter, as_count, check_entry, saved_in_files
from ._files._recipes import seeded_global_rng
from ._motif_distance import LearnedMotifDistance
from ._training import Loss, MotifRanker, PairwiseRanker, fit_module, mean_loss, ranking_loss
from ._training._blocks import apply_in_blocks, check_embeddings
from ._utils._frozen import is_frozen, unwrap
from ._utils._memory_advice import advises_on_memory
from ._utils._precision import dtype_of
from ._utils._warnings import warn
from .nn._presets import ENCODER_PRESETS, draws_globally, encoder_preset
from .segments._array import SegmentArray


@saved_in_files
class RelConEmbedder(EmbedderConstructors, SegmentTransformer):
    r"""Motion encoder pretrained without labels by relative contrastive learning (RelCon).

    For every anchor segment, candidates from the same subject and from others are put in order of
    a learned distance (:class:`LearnedMotifDistance`); the encoder then learns embeddings whose
    cosine similarities keep that order [1]_:

    .. math:: \mathcal{L} = \sum_{i=1}^{K-1} -\log \frac{\exp(\cos(z, z_i)/\tau)}
              {\sum_{j \ge i} \exp(\cos(z, z_j)/\tau)}

    for candidates numbered nearest first. Each candidate is thus a positive towards all that are
    farther away, and no label or threshold says what is similar.

    Parameters
    ----------
    distance : LearnedMotifDistance, FrozenEstimator, callable or None, default=None
        What candidates are ranked by. An (unfitted) `LearnedMotifDistance` is cloned and fitted
        first, on the same data; None is one with default settings. To use one that is fitted
        already, wrap it: ``FrozenEstimator(distance)``. A callable
        ``(anchors, candidates) -> distances`` takes float32 arrays (n, n_timesteps, n_channels)
        and (m, n_timesteps, n_channels) and gives an array (n, m); ``tslearn.metrics.cdist_dtw``
        is one.
    encoder : str or callable, default="resnet34"
        The network, by its name: "resnet34" is the published one (3.6 M parameters, 256 features);
        "resnet34-half" has half its width (0.9 M, 128 features), "resnet14-half" also half its
        depth (0.3 M, 128 features): choices for CPUs. "pulse-ppg" is the larger one of Pulse-PPG,
        for pulse waves of one channel (28.5 M, 512 features); it normalises each segment, so that
        posture and intensity are lost to it. A callable, such as a torch module class, is called
        as ``encoder(n_channels=...)`` and gives a module that maps tensors
        (n, n_channels, n_timesteps) to (n, n_features).
    n_within : int, default=20
        Within-subject candidates per anchor; as published. A group with fewer gives those it has.
    n_between : int or None, default=None
        Between-subject candidates per anchor, drawn from the other anchors of the batch, which are
        of other groups mostly: where groups are few, some are of the anchor's own. None is all of
        them, as published. With 0 candidates are within-subject only.
    n_positives : int or None, default=None
        Only so many candidates, the nearest ones, are in turn positives, and all others are only
        negatives: the sum above ends there. None is all of them, as published ("relative"
        contrast); 1 is the nearest alone ("hard" contrast, as in REBAR).
    augmentation : callable or None, default=None
        With one, the encoder is trained on two augmented copies of each segment, of which an
        anchor's other copy is its nearest candidate; candidates are ranked as the segments they
        are copies of, and all other segments of the batch are negatives. With ``n_positives=1``
        that is SimCLR's loss, without the negatives of an anchor's own view, and the order of
        candidates plays no part: a function that costs nothing will do as `distance`. None, as
        published, trains on the segments themselves. A callable
        ``augmentation(segments, generator)`` is as for :class:`LearnedMotifDistance`, for example
        :class:`relcon_sklearn.RandomAugmentations`.
    candidates : {"independent", "shared"}, default="independent"
        Whose candidates the segments of a batch are. "independent", as published: each anchor has
        its own `n_within` segments of its group, which are read and embedded for it alone.
        "shared": every segment of a batch is an anchor, its within-subject candidates are the
        other members of its set of ``1 + n_within`` segments of one group, and the others are one
        member of each other set. Lists and batches are as long, but a batch has ``1 + n_within``
        times as many anchors, and an epoch that many times fewer batches.
    query_stride : int, default=1
        With more than 1, candidates are ranked by an approximation of the learned distance: how
        well every so manyth time step of the anchor is rebuilt. With 4, ranking takes about half
        the time on a CPU, and the order hardly changes (:doc:`/speed`). Without effect where
        `distance` is a callable.
    temperature : float, default=0.1
        Temperature :math:`\tau`; as published.
    max_epochs : int, default=10
        Passes over the segments; in each, every training segment is an anchor once. 0 leaves an
        untrained encoder, for comparison.
    batch_size : int, default=64
        Anchors per training step, or sets of anchors where candidates are shared; as published.
    lr : float, default=1e-3
        Peak learning rate of Adam, reached after a short warm-up and left along a half cosine.
        The published 1e-6 belongs to a billion segments; it would hardly move a small run.
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
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the convolutions and matrix products of training, ranking included. "auto" is bfloat16
        on GPUs and CPUs that have instructions for it, else float32. Embeddings and scores come in
        float32 arithmetic always.
    compile : bool, default=False
        Whether to train the encoder through ``torch.compile``, without where that fails (a logged
        warning says why). It costs a minute or more before the first step. On CPUs whose time goes
        into convolutions it gains little (:doc:`/speed`).
    random_state : int, RandomState instance or None, default=None
        Source of all randomness, also of a `distance` whose own is None. An int gives the same
        result every time on the same CPU, with the same number
        of torch's threads.
    verbose : int, default=0
        Progress bars if positive.

    Attributes
    ----------
    distance_ : LearnedMotifDistance, callable or None
        The distance that candidates were ranked by. None if the encoder was loaded from a
        checkpoint of the released code without one.
    encoder_ : torch.nn.Module
        The trained encoder.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``: mean
        relative contrastive losses. They depend on how many candidates there are.
    n_features_in_ : int
        Number of time steps of a training segment. A checkpoint of the released code does not
        tell it.
    n_channels_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of str
        Column names of X, if it was a data frame (of one-channel segments) with such names.

    See Also
    --------
    LearnedMotifDistance : The distance, as a transformer of its own.
    RelConClassifier, RelConRegressor : Fine-tuning of a pretrained encoder.
    RandomAugmentations : Views to train on.
    Checkpoints : How a training is saved while it runs.
    open_segments : Segments on disk.

    Notes
    -----
    On CUDA, segments that fit in a quarter of the free memory are kept there while training.

    Memory does not grow with X where X is memory-mapped, but a training step holds the activations
    of up to ``batch_size * (1 + n_within)`` segments: for segments of 256 time steps some 5 GB with
    the default settings in float32, half of that in bfloat16, and 0.2 GB with
    ``encoder="resnet14-half"`` and ``batch_size=32, n_within=4``.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> embedder = RelConEmbedder(
    ...     LearnedMotifDistance(embed_dim=8, max_epochs=1),
    ...     encoder="resnet14-half", n_within=4, max_epochs=1, random_state=0,
    ... )
    >>> pipe = make_pipeline(embedder, LogisticRegression(max_iter=1000))
    >>> pipe.fit(X, y, relconembedder__groups=subjects).predict(X).shape
    (60,)
    """

    _parameter_constraints: dict = {
        **SegmentTransformer._parameter_constraints,
        "distance": [HasMethods(["fit", "transform"]), callable, None],
        "encoder": [StrOptions(set(ENCODER_PRESETS)), callable],
        "n_within": [Interval(Integral, 0, None, closed="left")],
        "n_between": [Interval(Integral, 0, None, closed="left"), None],
        "n_positives": [Interval(Integral, 1, None, closed="left"), None],
        "augmentation": [callable, None],
        "candidates": [StrOptions({"independent", "shared"})],
        "query_stride": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
    }

    def __init__(
        self,
        distance=None,
        *,
        encoder="resnet34",
        n_within=20,
        n_between=None,
        n_positives=None,
        augmentation=None,
        candidates="independent",
        query_stride=1,
        temperature=0.1,
        max_epochs=10,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.1,
        callbacks=None,
        checkpoint_dir=None,
        device="auto",
        precision="auto",
        compile=False,
        random_state=None,
        verbose=0,
    ):
        self.distance = distance
        self.encoder = encoder
        self.n_within = n_within
        self.n_between = n_between
        self.n_positives = n_positives
        self.augmentation = augmentation
        self.candidates = candidates
        self.query_stride = query_stride
        self.temperature = temperature
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.device = device
        self.precision = precision
        self.compile = compile
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @advises_on_memory("training")
    def fit(self, X, y=None, groups=None):
        """Pretrain the encoder, and the distance first if it is not given frozen.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D data are segments of one channel. May be a memory-mapped array, or
            anything else with shape, dtype and row indexing; it is read batch by batch.
        y : None
            Ignored.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is: the subject or, where recordings are long, the subject and
            hour. Within-subject candidates are drawn by it and validation holds out whole groups.
            None makes every segment a group of its own: there are no within-subject candidates
            then, and each segment is ranked against the other anchors of its batch only.

        Returns
        -------
        self : RelConEmbedder
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
            If `distance` is fitted and not in a `FrozenEstimator`: it is fitted anew.
        """
        array = self._check_segments(X, reset=True)
        index = self._check_groups(groups, len(array))
        check_several(array)
        if self.augmentation is None and self.n_between == 0:
            self._check_within(index)
        run = self._open_checkpoints(array, index)
        self.distance_ = self._fit_distance(X, array, groups, run)
        factory, settings = encoder_preset(self.encoder)
        self._build("encoder_", factory, run.seed, n_channels=self.n_channels_in_, **settings)
        self._n_features_out = self._embed(SegmentArray(array.read(np.arange(1)))).shape[1]
        global_rng = draws_globally(self.encoder_)
        # Fits with an encoder that draws from the global generators (dropout) wait for each other
        # where they run in threads.
        with seeded_global_rng(run.seed, self._device()) if global_rng else nullcontext():
            parts = self._hold_out(index, run.seed)
            data = self._near_the_device(array)
            train, valid = (
                None if part is None else self._batches(data, part, run.seed) for part in parts
            )
            self.history_ = fit_module(
                self.encoder_,
                self._training_loss(),
                train,
                valid,
                self._training_options("encoder", run, global_rng=global_rng),
            )
        return self

    def transform(self, X):
        """Embed segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. With three dimensions they may be of another length than the training
            segments.

        Returns
        -------
        embeddings : ndarray of shape (n_segments, n_features)
            Float32; 256 features with the default encoder.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used, has another number of channels than in training, or holds NaN or
            infinity.
        """
        check_is_fitted(self)
        return self._embed(self._check_segments(X, reset=False))

    @advises_on_memory("scoring")
    def score(self, X, y=None, groups=None):
        """Return minus the mean relative contrastive loss.

        As published: candidates are drawn from a fixed seed, each anchor's own next to all other
        anchors of the batch, and ranked in full, whatever `candidates`, `n_between`, `n_positives`,
        `query_stride` and `augmentation` are. How large the loss is depends on the length of the
        lists, on the temperature and on the distance: only models of the same `n_within`,
        `batch_size`, `temperature` and distance (a frozen one) can be compared, and a search over
        those would take the shortest lists. To compare across, set them alike first.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            At least two segments.
        y : None
            Ignored.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is, as in :meth:`fit`.

        Returns
        -------
        score : float
            Higher is better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X or groups cannot be used, or if there is no distance to rank by.
        """
        check_is_fitted(self)
        if self.distance_ is None:
            raise ValueError(
                "score ranks candidates by a distance, and this RelConEmbedder was loaded without "
                "one: pass distance=... to from_released_checkpoint."
            )
        array = self._check_segments(X, reset=False)
        index = self._check_groups(groups, len(array))
        check_several(array)
        batches = Batches(array, index, self.batch_size, 0, self.n_within)
        loss = ranking_loss(self._ranker(torch.float32), self.temperature, torch.float32)
        return -mean_loss(self.encoder_, loss, batches, self._device())

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {
            **super()._write_fitted(writer),
            "encoder_": writer.encoder("encoder_"),
            "distance_": writer.value(self.distance_, "distance_", ["distance"]),
            "_n_features_out": int(self._n_features_out),
        }

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        encoder = reader.encoder("encoder_")
        self._n_features_out = as_count(reader.take("_n_features_out"))
        check_entry(encoder.n_features in (None, self._n_features_out), "_n_features_out")
        entry = reader.take("distance_")
        self.distance_ = distance = reader.value(entry)
        if isinstance(entry, dict) and "given" in entry:
            if not callable(distance):
                raise FileError(f"{entry['given']}={distance!r} is given; expected a callable.")
        elif distance is not None:  # as in released encoders
            check_entry(isinstance(distance, LearnedMotifDistance), "distance_")
            check_entry(distance.__sklearn_is_fitted__(), "distance_")
            check_entry(distance.n_channels_in_ == self.n_channels_in_, "distance_")

    def _check_within(self, index: GroupIndex) -> None:
        """Raise ValueError if no anchor would have any candidate."""
        if self.n_within == 0:
            raise ValueError(
                "n_within=0 and n_between=0 leave no candidates: at least one must be positive."
            )
        if index.sizes.max() < 2:
            raise ValueError(
                "n_between=0 leaves within-subject candidates only, but no group has two segments: "
                "pass groups that say whose each segment is, or a positive n_between."
            )

    def _fit_distance(self, X, array: SegmentArray, groups, run: Run):
        """Return the distance to rank by: as it is if frozen or a function, else a fitted clone."""
        distance = LearnedMotifDistance() if self.distance is None else self.distance
        if is_frozen(distance):
            distance = unwrap(distance)
            check_is_fitted(distance)
            distance._check_segments(array, reset=False)
            return distance
        if not isinstance(distance, BaseEstimator):
            return distance
        ours = isinstance(distance, LearnedMotifDistance)
        if ours and distance.__sklearn_is_fitted__():
            warn(
                "distance is a fitted LearnedMotifDistance that is fitted again, on the data given "
                "to fit. To rank by it as it is, pass FrozenEstimator(distance). To silence this "
                "warning, pass clone(distance)."
            )
        distance = clone(distance)
        if self.distance is None:
            distance.set_params(device=self.device, verbose=self.verbose)
        run.pass_on(distance, "distance")
        return distance.fit(array if ours else X, groups=groups)

    def _batches(self, data: SegmentArray | DeviceSegments, part: GroupIndex, seed: int) -> Batches:
        kind = SharedBatches if self.candidates == "shared" else Batches
        return kind(data, part, self.batch_size, seed, self.n_within, self.n_between)

    def _training_loss(self) -> Loss:
        dtype = dtype_of(self.precision, self._device())
        return ranking_loss(
            self._ranker(dtype, self.query_stride),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=self.augmentation,
            compiled=self.compile,
        )

    def _ranker(self, dtype: torch.dtype, query_stride: int = 1) -> MotifRanker | PairwiseRanker:
        if isinstance(self.distance_, LearnedMotifDistance):
            return MotifRanker(self.distance_.net_.to(self._device()), dtype, query_stride)
        return PairwiseRanker(self.distance_)

    @advises_on_memory("embedding")
    def _embed(self, array: SegmentArray) -> np.ndarray:
        device = self._device()
        encoder = self.encoder_.to(device).eval()
        return apply_in_blocks(
            lambda segments: check_embeddings(encoder(segments), len(segments), self.encoder),
            array,
            device,
            verbose=self.verbose,
        )
