"""RelConEmbedder: a motion encoder pretrained by relative contrastive learning."""

from __future__ import annotations

import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from torch import nn

from ._base import SegmentTransformer
from ._embedder_constructors import EmbedderConstructors
from ._embedder_score import EmbedderScore
from ._embedder_training import EmbedderTraining
from ._export import Exportable
from ._files import FittedReader, FittedWriter, as_count, check_entry, saved_in_files
from ._initial import initial_model, refuse_names_of_models, refuse_predictors
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import read_distance
from ._training._blocks import apply_in_blocks, make_embed
from ._training._distributed import breaks_off_for_all
from ._utils._frozen import unwrap
from ._utils._memory_advice import advises_on_memory
from .nn._presets import DEFAULT_ENCODER, ENCODER_PRESETS
from .segments._array import SegmentArray


@saved_in_files
class RelConEmbedder(
    EmbedderConstructors, EmbedderTraining, EmbedderScore, Exportable, SegmentTransformer
):
    r"""Motion encoder pretrained without labels by relative contrastive learning (RelCon).

    For every anchor segment, candidates are ranked by a distance. The encoder then learns
    embeddings whose cosine similarities keep this order [1]_. For an anchor with embedding
    :math:`z` and :math:`K` candidates with embeddings :math:`z_1, \dots, z_K`, nearest first, the
    loss is

    .. math:: \mathcal{L} = \sum_{i=1}^{P} -\log \frac{\exp(\cos(z, z_i)/\tau)}
              {\sum_{j \ge i} \exp(\cos(z, z_j)/\tau)}

    Each of the :math:`P` nearest candidates is a positive relative to all farther ones. No label or
    threshold defines which segments are similar.

    The defaults are the best settings measured for a training of minutes on a laptop
    (:doc:`/downstream`). :meth:`published` returns an embedder with the settings of the paper.

    Parameters
    ----------
    distance : estimator, FrozenEstimator, callable, "features" or None, default="features"
        Distance that ranks the candidates. "features" stands for a `FeatureDistance`, which needs
        no training and ranks a whole batch at once. If None, a `LearnedMotifDistance`, as
        published. An unfitted distance is cloned and fitted first, on the same data. To use a
        fitted one, pass ``FrozenEstimator(distance)``. A callable, such as
        ``tslearn.metrics.cdist_dtw``, receives float32 arrays of anchors
        (n, n_timesteps, n_channels) and candidates (m, n_timesteps, n_channels) and returns an
        array of distances (n, m).
    encoder : str or callable, default="resnet14-half"
        Encoder network. "resnet34" has the convolutions of the published one (3.6 M parameters, 896
        features). "resnet34-half" has half its width (0.9 M, 448 features), and "resnet14-half"
        also half its depth (0.3 M, 448 features). The features are means and standard deviations
        over time of every stage of the network. "relcon" is the published encoder, with means of
        the last stage only (3.6 M, 256 features). "pulse-ppg" is the larger encoder of Pulse-PPG
        for pulse waves with one channel (28.5 M, 512 features). It normalises each segment, which
        removes posture and intensity. A callable, such as a torch module class, is called as
        ``encoder(n_channels=...)`` and returns a module that maps tensors
        (n, n_channels, n_timesteps) to (n, n_features).
    init : FrozenEstimator, RelConEmbedder, str, path-like or None, default=None
        Model whose weights the training starts with: a fitted embedder, the file or folder of a
        saved embedder, classifier or regressor, or the name of a model that comes with the package
        (:func:`list_pretrained`), such as "motion-small". Put a fitted embedder in a
        `FrozenEstimator`, because a clone has no weights otherwise. The encoder is then that of the
        model, and `encoder` must have its default or make the same one. `X` must have the channels
        and the sampling rate of the model. Nothing else is taken from it: for its distance, pass
        ``FrozenEstimator(model.distance_)``. If None, the training starts with new weights.
    n_within : int, default=0
        Number of within-subject candidates per anchor, 20 as published. Smaller groups have fewer.
        If positive, `fit` and `score` need `groups`.
    n_between : int or None, default=None
        Number of between-subject candidates per anchor, drawn from the other anchors of the batch.
        Most of these belong to other groups, but with few groups, some belong to the anchor's own
        group. If None, all of them are candidates, as published. If 0, all candidates are
        within-subject.
    n_positives : int or None, default=8
        Number of nearest candidates that are positives in turn. All others are only negatives, and
        the sum above has this many terms. If None, all are positives, as published ("relative"
        contrast). If 1, only the nearest one is ("hard" contrast, as in REBAR).
    augmentation : callable, "random" or None, default="random"
        If None, the encoder is trained on the segments themselves, as published. Otherwise, it is
        trained on two augmented views of each segment. "random" stands for
        ``RandomAugmentations()``. The nearest candidate of an anchor is then
        its other view. All candidates are ranked before augmentation, and all other segments of the
        batch are negatives. With ``n_positives=1``, this is the loss of SimCLR without the
        negatives of an anchor's own view. The ranking then has no effect, so any cheap
        function works as `distance`. A callable is called as ``augmentation(segments, generator)``,
        as for :class:`LearnedMotifDistance`.
    candidates : {"independent", "shared"}, default="independent"
        How candidates are chosen. With "independent", as published, each anchor has its own
        `n_within` segments of its group, which are read and embedded for it alone. With "shared", a
        batch consists of sets of ``1 + n_within`` segments of one group, and every segment is an
        anchor. Its candidates are the other members of its set and one member of each other set.
        The number of candidates and the size of a batch stay the same. A batch has ``1 + n_within``
        times as many anchors, and the number of batches in an epoch is smaller by this factor.
    temperature : float, default=0.1
        Temperature :math:`\tau` of the loss, as published.
    n_channels : int or None, default=None
        Number of channels. With it, 2-D `X` may be flat, of shape
        (n_segments, n_timesteps * n_channels), and is read as
        ``X.reshape(n_segments, -1, n_channels)``. 3-D `X` must have this number of channels. If
        None, 2-D `X` has one channel, and a shape of `X` that suggests another layout gives a
        warning (:doc:`/guide/layouts`).
    projection : tuple of int or None, default=(256, 128)
        Widths of the layers of a projection head. The loss is then that of its outputs, and the
        head is dropped after training, as in SimCLR. If None, there is no head, as published.
    feature_weight : float, default=20.0
        Weight of a second loss: a linear layer predicts the standardised hand-made features
        (:class:`FeatureDistance`) of a segment or view from its embedding, and is dropped after
        training. It is relative to the loss of one positive. If 0, there is no such loss, as
        published.
    max_epochs : int, default=10
        Number of epochs. If 0, the encoder keeps its first weights, for comparison.
    steps_per_epoch : int or None, default=150
        Number of training steps of an epoch. The budget is then independent of the number of
        segments: with the defaults, it is 1,500 steps, which take about seven minutes of CPU time
        for segments of 128 time steps (:doc:`/speed`). If None, an epoch is a pass over the
        segments, in which every training segment is an anchor once.
    batch_size : int, default=256
        Number of anchors per training step, 64 as published. If `candidates` is "shared", number of
        sets.
    lr : float, default=2e-3
        Peak learning rate of Adam. It is reached after a short warm-up and then decays along a half
        cosine. The published 1e-6 is for a billion segments and too low for a small training.
    validation_fraction : float, default=0.0
        Fraction of the groups to hold out for validation. The weights of the epoch with the lowest
        validation loss are kept. If 0, or if there are too few groups (with a warning), the weights
        of the last epoch are kept. With `steps_per_epoch`, each validation takes at most as many
        batches, which are drawn at random once, so that it is not longer than the epoch.
    sampling_rate : float or None, default=None
        Sampling rate of the segments in Hz. If None, the rate that `X` has as an attribute, as from
        :func:`segment_recordings`, ``store.X`` and :class:`LazyWindows`, or the rate of `init` or
        of a fitted `distance`. It does not change the training, except with a `FeatureDistance`,
        whose features depend on it.
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
        Precision of convolutions and matrix products. If "auto", training, including ranking, is in
        bfloat16 on GPUs and CPUs that have instructions for it, otherwise in float32, and
        embeddings are in float32. If "bfloat16", embeddings are in it too, which takes half the
        time on such CPUs and hardly changes predictions (:doc:`/speed`). The result is always
        float32. Scores are always computed in float32.
    random_state : int, RandomState instance or None, default=None
        Source of all random draws, also for a `distance` whose `random_state` is None. An int gives
        the same result in every fit on the same CPU with the same number of torch threads.
    verbose : int, default=0
        Verbosity level. Progress bars are shown if it is positive.

    Attributes
    ----------
    distance_ : FeatureDistance, LearnedMotifDistance, callable or None
        The distance that ranked the candidates. None if the encoder was loaded from a checkpoint of
        the released code without a distance.
    encoder_ : torch.nn.Module
        The trained encoder.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``. The
        losses are means over the anchors, which depend on the number of candidates.
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
    card_ : str
        Model card in Markdown: data, scores, limits and licence. Set only for models that come with
        the package, and for files that were saved with a card (:doc:`/saving`). `fit` removes it,
        or takes that of `init`, with a note.

    See Also
    --------
    LearnedMotifDistance : The distance as a separate transformer.
    RelConClassifier, RelConRegressor : Fine-tuning of a pretrained encoder.
    RandomAugmentations : Augmented views to train on.
    Checkpoints : Settings for saving a training while it runs.
    open_segments : Segments on disk.

    Notes
    -----
    On CUDA, segments that fit in a quarter of the free memory are kept there during training.

    If `X` is memory-mapped, memory does not grow with its size, apart from pages of a file that
    fits in a quarter of the memory, which the system can take back. A training step holds the
    activations of up to ``batch_size * (1 + n_within)`` segments. For segments of 256 time steps,
    these take about 5 GB with the published settings in float32, half of that in bfloat16.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from relcon_sklearn import RelConEmbedder
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
    >>> embedder = RelConEmbedder(max_epochs=1, steps_per_epoch=2, sampling_rate=50, random_state=0)
    >>> pipe = make_pipeline(embedder, LogisticRegression(max_iter=1000))
    >>> pipe.fit(X, y).predict(X).shape
    (60,)
    """

    _parameter_constraints: dict = {
        **SegmentTransformer._parameter_constraints,
        "distance": [StrOptions({"features"}), HasMethods(["fit", "transform"]), callable, None],
        "encoder": [StrOptions(set(ENCODER_PRESETS)), callable],
        "init": [HasMethods(["fit", "transform"]), str, os.PathLike, None],
        "n_within": [Interval(Integral, 0, None, closed="left")],
        "n_between": [Interval(Integral, 0, None, closed="left"), None],
        "n_positives": [Interval(Integral, 1, None, closed="left"), None],
        "augmentation": [StrOptions({"random"}), callable, None],
        "candidates": [StrOptions({"independent", "shared"})],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "projection": [tuple, list, None],
        "feature_weight": [Interval(Real, 0, None, closed="left")],
        "steps_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    }

    # Parameters of earlier versions, which files may have.
    _former_params = frozenset({"compile", "query_stride"})

    _exported_method, _exported_output = "transform", "embeddings"

    # A file without these parameters is of a version that trained as with these values.
    _values_of_absent_params = {"projection": None, "feature_weight": 0.0, "steps_per_epoch": None}

    def __init__(
        self,
        distance="features",
        *,
        encoder=DEFAULT_ENCODER,
        init=None,
        n_within=0,
        n_between=None,
        n_positives=8,
        augmentation="random",
        candidates="independent",
        temperature=0.1,
        n_channels=None,
        projection=(256, 128),
        feature_weight=20.0,
        max_epochs=10,
        steps_per_epoch=150,
        batch_size=256,
        lr=2e-3,
        validation_fraction=0.0,
        sampling_rate=None,
        callbacks=None,
        checkpoint_dir=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.distance = distance
        self.encoder = encoder
        self.init = init
        self.n_within = n_within
        self.n_between = n_between
        self.n_positives = n_positives
        self.augmentation = augmentation
        self.candidates = candidates
        self.temperature = temperature
        self.n_channels = n_channels
        self.projection = projection
        self.feature_weight = feature_weight
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

    def _validate_params(self):
        refuse_names_of_models(self, ["distance", "encoder"])
        refuse_predictors(self)
        super()._validate_params()

    @_fit_context(prefer_skip_nested_validation=False)
    @breaks_off_for_all
    def fit(self, X, y=None, *, groups=None):
        """Pretrain the encoder, after the distance if that is not frozen.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D input is (n_segments, n_timesteps), with one channel, or flat if
            `n_channels` is set. `X` may be a memory-mapped array or any object with shape, dtype
            and row indexing, which is read batch by batch. A data frame has one segment per row.
        y : Ignored
            Not used, present for API consistency by convention.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to or, for long recordings, the subject and hour.
            Validation holds out whole groups, and within-subject candidates are drawn from the
            group of the anchor. If None, every segment is its own group. There are then no
            within-subject candidates, only the other anchors of the batch.

        Returns
        -------
        self : RelConEmbedder
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
            If `groups` is None, and `n_within` and `max_epochs` are positive.
            If there are too few groups for `validation_fraction`. There is then no validation.
            If the estimator has a model card, as those in the package have, or is a clone of a
            model that has one and no `init`, because its weights are discarded.
            If `distance` is fitted and not in a `FrozenEstimator`, because it is fitted again.
            If all segments, or the 256 that are read, are constant over time, and are trained on.
            If `X` seems to be in m/s^2 or mg, or in other units than the training of `init` or of a
            frozen `distance`.
            If more than ten minutes of training remain on a CPU, and `verbose` is 0.
            If `X` has fewer than 8 columns, or more channels than time steps, and `n_channels` is
            None.
        """
        model = initial_model(self, RelConEmbedder)
        array, index = self._check_training(X, groups, model)
        self._train(array, index, groups, model)
        return self

    def transform(self, X):
        """Embed segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. 3-D input may have another number of time steps than in training. They must
            have the sampling rate of the training, which ``segment_recordings(..., like=embedder)``
            makes. Plain arrays do not know their rate, so that another one is not noticed.

        Returns
        -------
        embeddings : ndarray of shape (n_segments, n_features)
            Float32 embeddings, with 448 features for the default encoder.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, has another number of channels or another sampling rate than in
            training, or contains NaN or infinity.

        Warns
        -----
        UserWarning
            If magnitudes of `X` are far from those of the training (other units, gravity removed).
        """
        self._check_is_fitted()
        return self._embed(self._check_segments(X, reset=False))

    def _set_former_params(self, *, query_stride: int = 1, compile: bool = False) -> None:
        # `query_stride` belongs to the distance now. `compile` had no effect on the weights.
        if self.distance is None and query_stride != 1:
            self.distance = self._distance()
        distance = unwrap(self.distance)
        if isinstance(distance, LearnedMotifDistance):
            distance.set_params(query_stride=query_stride)._validate_params()

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
        self.distance_ = read_distance(reader, self.n_channels_in_)

    def _export_head(self) -> nn.Module:
        return nn.Identity()

    @advises_on_memory("embedding")
    def _embed(self, array: SegmentArray) -> np.ndarray:
        device = self._device()
        embed = make_embed(self.encoder_, self.encoder, device, self.precision)
        return apply_in_blocks(embed, array, device, verbose=self.verbose)
