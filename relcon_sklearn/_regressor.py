"""RelConRegressor: a motion encoder that is fine-tuned for regression."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from torch import nn

from ._files import FittedReader, FittedWriter, as_numbers, check_entry, saved_in_files
from ._fine_tuning import FineTunedEstimator, Labelled, weights_of
from ._training import regression_loss
from ._training._distributed import breaks_off_for_all
from ._utils._arrays import as_float64
from ._utils._sample_weight import check_weights, weighted_moments
from .nn._heads import Rescale
from .segments._array import LARGEST_VALUE


@saved_in_files
class RelConRegressor(RegressorMixin, FineTunedEstimator):
    """Regressor of motion segments: a pretrained or new encoder with a head.

    The head maps embeddings to one or several targets. It is trained together with the parts of the
    encoder that are not frozen. The loss is the squared error, averaged over the targets.

    Parameters
    ----------
    encoder : FrozenEstimator, RelConEmbedder, str or callable, default="resnet34"
        The encoder to start from. ``FrozenEstimator(embedder)`` starts from a copy of the encoder
        of a fitted :class:`RelConEmbedder`, which itself never changes. "motion-small" starts from
        the embedder of this name, which comes with the package (:doc:`/models`). An unfitted
        `RelConEmbedder` is cloned and pretrained first, on the same data. The name of an encoder
        ("resnet34", "resnet34-half", "resnet14-half", "relcon" or "pulse-ppg"), or a callable that
        makes one, gives an encoder that is trained from scratch, as in :class:`RelConEmbedder`.
    head : {"linear", "mlp"}, default="linear"
        Kind of head. Both first standardise the embedding. Its mean and standard deviation are
        computed before training, from the training part if the encoder is frozen, and from 256 of
        its segments otherwise. "linear" has one linear layer. "mlp" also has a hidden layer of 256
        units with ReLU. Neither has dropout: early stopping limits overfitting.
    freeze : {"none", "encoder"} or int, default="none"
        Parts of the encoder that stay unchanged, including the statistics of batch norms. With
        "encoder", only the head is trained, on embeddings that are computed once. An int is the
        number of stages to freeze, with the layers before them. Encoders with a name have three
        stages. Others need a method ``stages()``.
    scale_targets : bool, default=True
        Whether to standardise each target with the weighted mean and standard deviation of the
        training part, and to scale predictions back. One learning rate then suits targets of any
        unit, and all targets have a similar share in the loss.
    n_channels : int or None, default=None
        Number of channels. With it, 2-D `X` may be flat, of shape
        (n_segments, n_timesteps * n_channels), and is read as
        ``X.reshape(n_segments, -1, n_channels)``. 3-D `X` must have this number of channels. If
        None, 2-D `X` has one channel, and a shape of `X` that suggests another layout gives a
        warning (:doc:`/guide/layouts`).
    max_epochs : int, default=50
        Number of passes over the segments. If 0, the encoder keeps its initial weights, and the
        head stays untrained.
    batch_size : int, default=64
        Number of segments per training step.
    lr : float, default=1e-3
        Peak learning rate of Adam. It is reached after a short warm-up and then decays along a half
        cosine.
    validation_fraction : float, default=0.1
        Fraction of the groups to hold out for validation. The weights of the epoch with the lowest
        validation loss are kept. If 0, or if there are too few groups (with a warning), the weights
        of the last epoch are kept.
    n_iter_no_change : int or None, default=10
        Number of epochs without a decrease of the validation loss after which training stops. If
        None, training lasts for `max_epochs`.
    sampling_rate : float or None, default=None
        Sampling rate of the segments in Hz. If None, the rate that `X` has as an attribute, as from
        :func:`segment_recordings`, ``store.X`` and :class:`LazyWindows`, or the rate of the
        embedder. It does not change the training, except with a `FeatureDistance`.
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
        Precision of the encoder. If "auto", training is in bfloat16 on GPUs and CPUs that have
        instructions for it, otherwise in float32, and predictions are in float32. If "bfloat16",
        predictions are in it too, which takes half the time on such CPUs and hardly changes them
        (:doc:`/speed`). The head always computes in float32.
    random_state : int, RandomState instance or None, default=None
        Source of all random draws, also for the pretraining of an `encoder` whose `random_state` is
        None. An int gives the same result in every fit on the same CPU with the same number of
        torch threads.
    verbose : int, default=0
        Verbosity level. Progress bars are shown if it is positive.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        The fine-tuned encoder.
    head_ : torch.nn.Module
        The head. It predicts scaled targets.
    target_mean_, target_scale_ : float or ndarray of shape (n_outputs,)
        Mean and scale of the targets. They are 0 and 1 if `scale_targets` is False.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``. The
        losses are weighted mean squared errors of scaled targets.
    n_features_in_ : int
        Number of time steps of the training segments. With `n_channels`, number of columns of
        flat segments: ``n_timesteps * n_channels``.
    n_channels_in_ : int
        Number of channels.
    sampling_rate_ : float or None
        Sampling rate of the training segments in Hz. None if it is not known. Segments that have
        another rate as an attribute are refused.
    feature_names_in_ : ndarray of str
        Column names of `X`. Set only for data frames with string column names.
    card_ : str
        Model card in Markdown: data, scores, limits and licence. Set only for models that come with
        the package, and for files that were saved with a card (:doc:`/saving`). `fit` removes it.

    See Also
    --------
    RelConClassifier : Fine-tuning for classes.
    RelConEmbedder : Pretraining of the encoder.

    Examples
    --------
    >>> from relcon_sklearn import RelConRegressor
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, _, subjects, *_ = make_motion(60, n_subjects=6, n_timesteps=64, random_state=0)
    >>> y = X.std(axis=1)
    >>> regressor = RelConRegressor("resnet14-half", max_epochs=1, random_state=0)
    >>> regressor.fit(X, y, groups=subjects).predict(X).shape
    (60, 3)
    """

    _parameter_constraints: dict = {
        **FineTunedEstimator._parameter_constraints,
        "scale_targets": ["boolean"],
    }

    def __init__(
        self,
        encoder="resnet34",
        *,
        head="linear",
        freeze="none",
        scale_targets=True,
        n_channels=None,
        max_epochs=50,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.1,
        n_iter_no_change=10,
        sampling_rate=None,
        callbacks=None,
        checkpoint_dir=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.encoder = encoder
        self.head = head
        self.freeze = freeze
        self.scale_targets = scale_targets
        self.n_channels = n_channels
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.sampling_rate = sampling_rate
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    @breaks_off_for_all
    def fit(self, X, y, *, sample_weight=None, groups=None):
        """Train the head, and the parts of the encoder that are not frozen.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D input is (n_segments, n_timesteps), with one channel, or flat if
            `n_channels` is set. `X` may be a memory-mapped array or any object with shape, dtype
            and row indexing, which is read batch by batch. A data frame has one segment per row.
        y : array-like of shape (n_segments,) or (n_segments, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_segments,) or None, default=None
            Weights of the segments. Segments with weight 0 are left out. If None, all weights are
            1.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to. Validation holds out whole groups, and an embedder
            that is pretrained draws within-subject candidates from them. If None, every segment is
            its own group.

        Returns
        -------
        self : RelConRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If `X`, `y`, `sample_weight` or `groups` cannot be used or contain NaN or infinity, if
            the encoder cannot be used with them, if `X`, the parameter and nested estimators have
            different sampling rates, if `checkpoint_dir` holds another training, if a callback is
            not supported, or if there is no such `device`.
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
            If `encoder` is fitted and not in a `FrozenEstimator`, because it is fitted again.
            If the estimator has a model card, or is a clone of a model that has one, because its
            weights are discarded. Clones with a frozen `encoder` do not warn: they start from it.
            If `groups` is None, and an embedder is pretrained whose `n_within` is positive.
            If all segments, or the 256 that are read, are constant over time, and are trained on.
            If `X` seems to be in m/s^2 or mg, or in other units than the training of a frozen
            `encoder`.
            If more than ten minutes of training remain on a CPU, and `verbose` is 0.
            If `X` has fewer than 8 columns, or more channels than time steps, and `n_channels` is
            None.
        """
        self._require_targets(y)
        y = as_float64(y, "y")
        weights = check_weights(sample_weight, len(y))
        array, index = self._check_rows(X, len(y), weights, groups)
        run = self._open_checkpoints(array, index, y=y, sample_weight=weights)
        train, valid = self._hold_out(index, run.seed)
        mean, scale = np.zeros(y.shape[1:]), np.ones(y.shape[1:])
        if self.scale_targets:
            mean, scale = _mean_and_scale(y, weights_of(train, weights))
        self.target_mean_, self.target_scale_ = mean, scale
        targets = _scaled(y, mean, scale).reshape(len(y), -1)
        self._make_encoder(array, groups, weights, run)
        data = Labelled(array, targets, weights, train, valid)
        self.history_ = self._train(data, regression_loss, n_outputs=targets.shape[1], run=run)
        return self

    def predict(self, X):
        """Predict the targets of segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. 3-D input may have another number of time steps than in training.

        Returns
        -------
        y : ndarray of shape (n_segments,) or (n_segments, n_outputs)
            Predicted targets, with the number of dimensions of the targets in :meth:`fit`. Float64:
            they are computed in float32 and then scaled back.

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
            If segments are shorter than half of those of the training, or more than six times
            longer.
        """
        outputs = self._outputs(X).astype(np.float64)
        outputs = outputs.reshape(len(outputs), *self.target_mean_.shape)
        return outputs * self.target_scale_ + self.target_mean_

    _exported_method, _exported_output = "predict", "values"

    def _export_head(self) -> nn.Module:
        return nn.Sequential(self.head_, Rescale(self.target_mean_, self.target_scale_))

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {
            **super()._write_fitted(writer),
            "target_mean_": np.asarray(self.target_mean_).tolist(),
            "target_scale_": np.asarray(self.target_scale_).tolist(),
        }

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        mean = as_numbers(reader.take("target_mean_"), "target_mean_")
        scale = as_numbers(reader.take("target_scale_"), "target_scale_")
        check_entry(mean.shape == scale.shape and mean.ndim <= 1, "target_scale_")
        check_entry(bool((scale > 0).all()), "target_scale_")
        self.target_mean_, self.target_scale_ = mean, scale
        self._read_network(reader, n_outputs=mean.size)


def _mean_and_scale(y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and standard deviation of targets, or 1 for a constant target."""
    with np.errstate(over="ignore", invalid="ignore"):  # _scaled rejects the result
        mean, variance = weighted_moments(y, weights)
    deviation = np.sqrt(variance)
    constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)


def _scaled(y: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return scaled targets in float32, or raise ValueError if they are too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        targets = (y - mean) / scale
    bad = ~(np.abs(targets) <= LARGEST_VALUE) | ~np.isfinite(scale)
    if bad.any():
        place = np.unravel_index(np.where(bad, np.abs(y), -1).argmax(), y.shape)
        unit = np.broadcast_to(scale, y.shape)[place]
        raise ValueError(
            f"y contains a value too large to compute with: {y[place]:.3g} in row {place[0]}. The "
            f"limit is {LARGEST_VALUE:g} times the scale, which is {unit:.3g}."
        )
    return targets.astype(np.float32)
