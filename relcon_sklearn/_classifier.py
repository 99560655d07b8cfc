"""RelConClassifier: a motion encoder that is fine-tuned for classification."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from torch import nn

from ._files import FittedReader, FittedWriter, read_labels, saved_in_files, write_labels
from ._fine_tuning import FineTunedEstimator, Labelled
from ._training import classification_loss
from ._training._distributed import breaks_off_for_all
from ._utils._arrays import as_labels
from ._utils._sample_weight import check_weights, class_weights, scaled
from ._utils._unknown_labels import warn_of_unknown_labels


@saved_in_files
class RelConClassifier(ClassifierMixin, FineTunedEstimator):
    """Classifier of motion segments: a pretrained or new encoder with a head.

    The head maps embeddings to the logits of the classes. It is trained together with the parts of
    the encoder that are not frozen. The loss is the cross-entropy.

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
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply the weights of the segments. A dict has weights of at
        least 0; `fit` raises ValueError for other weights. Classes that it lacks have weight 1.
        With "balanced", weights are inversely proportional to the class frequencies. If None, all
        are 1.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    encoder_ : torch.nn.Module
        The fine-tuned encoder.
    head_ : torch.nn.Module
        The head.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``. The
        losses are weighted mean cross-entropies.
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
    RelConRegressor : Fine-tuning for numeric targets.
    RelConEmbedder : Pretraining of the encoder.

    Notes
    -----
    Validation groups are drawn again if the training part lacks a class. After 20 draws, training
    continues without validation, with a warning.

    With ``freeze="encoder"`` and a linear head, the classifier is a linear probe that is fitted by
    gradient steps. If the embeddings fit in memory, prefer the exact solution of
    ``make_pipeline(FrozenEstimator(embedder), StandardScaler(), LogisticRegression())``.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder
    >>> from relcon_sklearn.datasets import make_motion
    >>> X, y, subjects, *_ = make_motion(60, n_subjects=6, n_timesteps=64, random_state=0)
    >>> embedder = RelConEmbedder(
    ...     LearnedMotifDistance(embed_dim=8, max_epochs=1),
    ...     encoder="resnet14-half", n_within=4, max_epochs=1, random_state=0,
    ... ).fit(X, groups=subjects)
    >>> classifier = RelConClassifier(FrozenEstimator(embedder), max_epochs=2, random_state=0)
    >>> classifier.fit(X, y, groups=subjects).predict(X).shape
    (60,)
    """

    _parameter_constraints: dict = {
        **FineTunedEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        encoder="resnet34",
        *,
        head="linear",
        freeze="none",
        class_weight=None,
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
        self.class_weight = class_weight
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
        y : array-like of shape (n_segments,)
            Class labels, at least two different ones.
        sample_weight : array-like of shape (n_segments,) or None, default=None
            Weights of the segments. Segments with weight 0 are left out. If None, all weights are
            1.
        groups : array-like of shape (n_segments,) or None, default=None
            The subject each segment belongs to. Validation holds out whole groups, and an embedder
            that is pretrained draws within-subject candidates from them. If None, every segment is
            its own group.

        Returns
        -------
        self : RelConClassifier
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
            If there are too few groups for `validation_fraction`, or if no split has all classes in
            its training part, so that there is no validation.
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
        classes, codes = self._check_labels(y)
        weights = check_weights(sample_weight, len(codes))
        by_class = class_weights(self.class_weight, classes, codes, weights)
        weights = scaled(weights * by_class[codes])
        array, index = self._check_rows(X, len(codes), weights, groups)
        present = np.unique(codes[index.rows])
        if len(present) < 2:
            raise ValueError(
                f"y has one class only, {classes.tolist()[present[0]]!r}, among the segments with "
                "a weight above 0. At least two classes are needed."
            )
        self.classes_ = classes
        run = self._open_checkpoints(array, index, y=codes, sample_weight=weights)
        train, valid = self._hold_out(
            index,
            run.seed,
            is_acceptable=lambda part: len(np.unique(codes[part.rows])) == len(present),
        )
        self._make_encoder(array, groups, weights, run)
        data = Labelled(array, codes, weights, train, valid)
        self.history_ = self._train(data, classification_loss, n_outputs=len(classes), run=run)
        return self

    def predict(self, X):
        """Return the most likely label of each segment.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. 3-D input may have another number of time steps than in training.

        Returns
        -------
        labels : ndarray of shape (n_segments,)
            Predicted labels, with the dtype of `classes_`.

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
        codes = self._outputs(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, as in :meth:`predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_segments, n_classes)
            Float32 probabilities, in the order of `classes_`. Each row sums to one.

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
        return softmax(self._outputs(X), axis=1)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        It is finite where a probability is too small for float32 and :meth:`predict_proba` has 0.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, as in :meth:`predict`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_segments, n_classes)
            Float32 natural logarithms of the probabilities, in the order of `classes_`.

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
        return log_softmax(self._outputs(X), axis=1)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy, the share of segments whose label is predicted.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, as in :meth:`predict`.
        y : array-like of shape (n_segments,)
            True labels. Those that are not in `classes_` count as errors.
        sample_weight : array-like of shape (n_segments,) or None, default=None
            Weights of the segments. If None, all weights are 1.

        Returns
        -------
        score : float
            Accuracy, from 0 to 1.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` cannot be used, as in :meth:`predict`, or if `y` cannot.

        Warns
        -----
        UserWarning
            If labels in `y` differ from classes only in case, spaces or type, such as "Walking"
            for "walking". If no label is a class, unless there is only one, as in a test part with
            a class that the training part lacks.
            As in :meth:`predict`.
        """
        self._check_is_fitted()
        # First, because scikit-learn refuses a mixture of text and numbers without naming classes.
        labels = np.unique(as_labels(y, "y")).tolist()
        warn_of_unknown_labels(labels, self.classes_.tolist())
        return super().score(X, y, sample_weight)

    _exported_method, _exported_output = "predict_proba", "probabilities"

    def _export_head(self) -> nn.Module:
        return nn.Sequential(self.head_, nn.Softmax(dim=1))

    def _export_metadata(self) -> dict:
        return {**super()._export_metadata(), "classes": self.classes_.tolist()}

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {**super()._write_fitted(writer), "classes_": write_labels(self.classes_)}

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        self.classes_ = read_labels(reader.take("classes_"))
        self._read_network(reader, n_outputs=len(self.classes_))

    def _check_labels(self, y) -> tuple[np.ndarray, np.ndarray]:
        """Return the classes, and the index of the class of each segment."""
        self._require_targets(y)
        y = as_labels(y, "y", warn=True)
        try:
            with np.errstate(invalid="ignore"):  # the check casts large numbers to integers
                check_classification_targets(y)
        except (TypeError, ValueError) as error:
            raise type(error)(f"y cannot be used: {error}") from error
        return np.unique(y, return_inverse=True)
