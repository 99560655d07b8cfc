"""RelConRegressor: an encoder of motion fine-tuned to predict numbers."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin, _fit_context

from ._files import FittedReader, FittedWriter, as_numbers, check_entry, saved_in_files
from ._fine_tuning import FineTunedEstimator, Labelled, weights_of
from ._training import regression_loss
from ._utils._arrays import as_float64
from ._utils._memory_advice import advises_on_memory
from ._utils._sample_weight import check_weights, weighted_moments
from .segments._array import LARGEST_VALUE


@saved_in_files
class RelConRegressor(RegressorMixin, FineTunedEstimator):
    """Regressor of motion segments: an encoder, pretrained or new, with a head on it.

    The head maps embeddings to one number or several. It is trained together with the encoder, or
    with as much of it as is not frozen, by the squared error, averaged over the numbers.

    Parameters
    ----------
    encoder : FrozenEstimator, RelConEmbedder, str or callable, default="resnet34"
        Where the encoder comes from, as in :class:`RelConClassifier`: a copy of a pretrained one,
        one to be pretrained first, or a new one.
    head : {"linear", "mlp"}, default="linear"
        Either first standardises the embedding, as in :class:`RelConClassifier`. "mlp" has a
        hidden layer of 256 with ReLU.
    freeze : {"none", "encoder"} or int, default="none"
        What of the encoder stays as it is: nothing, all of it, or its first stages, as in
        :class:`RelConClassifier`.
    scale_targets : bool, default=True
        Whether each target is standardised by the weighted mean and standard deviation of the
        training part, and predictions brought back: one learning rate then suits targets of any
        unit, and each has a like share in the loss.
    max_epochs : int, default=50
        Passes over the segments. 0 leaves the encoder as it starts, and the head untrained.
    batch_size : int, default=64
        Segments per training step.
    lr : float, default=1e-3
        Peak learning rate of Adam, reached after a short warm-up and left along a half cosine.
    validation_fraction : float, default=0.1
        Fraction of the groups held out, whole, to choose the best epoch by. With 0, or if there
        are too few groups (a warning says so), the last epoch is kept.
    n_iter_no_change : int or None, default=10
        Training ends when the validation loss has not fallen in so many epochs. None takes all
        of `max_epochs`.
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
        Of the encoder in training. "auto" is bfloat16 on GPUs and CPUs that have instructions for
        it, else float32. The head, and predictions, come in float32 arithmetic always.
    random_state : int, RandomState instance or None, default=None
        Source of all randomness, also of an `encoder` to be pretrained whose own is None. An int
        gives the same result every time on the same CPU, with the same number
        of torch's threads.
    verbose : int, default=0
        Progress bars if positive.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        The fine-tuned encoder.
    head_ : torch.nn.Module
        The head. Its outputs are scaled targets.
    target_mean_, target_scale_ : float or ndarray of shape (n_outputs,)
        What targets were scaled by; 0 and 1 without `scale_targets`.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``: mean
        squared errors of scaled targets, weighted.
    n_features_in_ : int
        Number of time steps of a training segment.
    n_channels_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of str
        Column names of X, if it was a data frame (of one-channel segments) with such names.

    See Also
    --------
    RelConClassifier : The same for classes.
    RelConEmbedder : The pretraining.

    Examples
    --------
    >>> from relcon_sklearn import RelConRegressor
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, _, subjects, *_ = make_motion(60, n_subjects=6, n_timesteps=64, random_state=0)
    >>> spread = X.std(axis=1)
    >>> regressor = RelConRegressor("resnet14-half", max_epochs=1, random_state=0)
    >>> regressor.fit(X, spread, groups=subjects).predict(X).shape
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
        max_epochs=50,
        batch_size=64,
        lr=1e-3,
        validation_fraction=0.1,
        n_iter_no_change=10,
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
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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
    @advises_on_memory("training")
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the head, and what of the encoder is not frozen.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D data are segments of one channel. May be a memory-mapped array, or
            anything else with shape, dtype and row indexing; it is read batch by batch.
        y : array-like of shape (n_segments,) or (n_segments, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_segments,) or None, default=None
            Weights of the segments. Those of weight zero are left out.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is: validation holds out whole groups. None makes every segment a
            group of its own.

        Returns
        -------
        self : RelConRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, sample_weight or groups cannot be used, or hold NaN or infinity, if the
            encoder does not fit them, or if `checkpoint_dir` holds another training.
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
            If `encoder` is fitted and not in a `FrozenEstimator`: it is fitted anew.
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
        self._start_encoder(array, groups, weights, run)
        data = Labelled(array, targets, weights, train, valid)
        self.history_ = self._learn(data, regression_loss, n_outputs=targets.shape[1], run=run)
        return self

    def predict(self, X):
        """Predict the targets of segments.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. With three dimensions they may be of another length than the training
            segments.

        Returns
        -------
        y : ndarray of shape (n_segments,) or (n_segments, n_outputs)
            Of the shape of the targets given to :meth:`fit`. Float64, computed in float32 before
            targets are scaled back.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used, has another number of channels than in training, or holds NaN or
            infinity.
        """
        outputs = self._outputs(X).astype(np.float64)
        outputs = outputs.reshape(len(outputs), *self.target_mean_.shape)
        return outputs * self.target_scale_ + self.target_mean_

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
    """Return the weighted mean and standard deviation of targets; 1 for one that is constant."""
    with np.errstate(over="ignore", invalid="ignore"):  # _scaled refuses what comes of it
        mean, variance = weighted_moments(y, weights)
    deviation = np.sqrt(variance)
    constant = deviation <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(constant, 1.0, deviation)


def _scaled(y: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return scaled targets, float32; raise ValueError if they are too large to compute with."""
    with np.errstate(over="ignore", invalid="ignore"):
        targets = (y - mean) / scale
    bad = ~(np.abs(targets) <= LARGEST_VALUE) | ~np.isfinite(scale)
    if bad.any():
        place = np.unravel_index(np.where(bad, np.abs(y), -1).argmax(), y.shape)
        of = np.broadcast_to(scale, y.shape)[place]
        raise ValueError(
            f"y contains a value too large to compute with: {y[place]:.3g} in row {place[0]} (at "
            f"most {LARGEST_VALUE:g} times the scale, which is {of:.3g})."
        )
    return targets.astype(np.float32)
