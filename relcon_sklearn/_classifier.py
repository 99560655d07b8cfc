"""RelConClassifier: an encoder of motion fine-tuned to tell classes apart."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from ._files import FittedReader, FittedWriter, read_labels, saved_in_files, write_labels
from ._fine_tuning import FineTunedEstimator, Labelled
from ._training import classification_loss
from ._utils._arrays import as_labels
from ._utils._memory_advice import advises_on_memory
from ._utils._sample_weight import check_weights, class_weights


@saved_in_files
class RelConClassifier(ClassifierMixin, FineTunedEstimator):
    """Classifier of motion segments: an encoder, pretrained or new, with a head on it.

    The head maps embeddings to the logits of the classes. It is trained together with the
    encoder, or with as much of it as is not frozen, by cross-entropy.

    Parameters
    ----------
    encoder : FrozenEstimator, RelConEmbedder, str or callable, default="resnet34"
        Where the encoder comes from. ``FrozenEstimator(embedder)`` starts from a copy of the
        encoder of a fitted :class:`RelConEmbedder`, which itself never changes. An (unfitted)
        `RelConEmbedder` is cloned and pretrained first, on the same data. The name of an encoder
        ("resnet34", "resnet34-half", "resnet14-half", "pulse-ppg"), or a callable that makes one,
        is trained from scratch; see :class:`RelConEmbedder`.
    head : {"linear", "mlp"}, default="linear"
        Either first standardises the embedding, by its mean and deviation before training: those
        of the training part, or of 256 segments of it where the encoder learns. "mlp" has a
        hidden layer of 256 with ReLU. There is no dropout: early stopping keeps from overfitting.
    freeze : {"none", "encoder"} or int, default="none"
        What of the encoder stays as it is, batch norms and their statistics included. With
        "encoder" only the head learns, from embeddings that are computed once. A number
        freezes so many stages and what comes before them; the encoders that have names have
        three. It needs an encoder with a method ``stages()``, such as theirs.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by which those of the segments are multiplied. "balanced" makes
        them inverse to how frequent a class is.
    max_epochs : int, default=50
        Passes over the segments. 0 leaves the encoder as it starts, and the head untrained.
    batch_size : int, default=64
        Segments per training step.
    lr : float, default=1e-3
        Peak learning rate of Adam, reached after a short warm-up and left along a half cosine.
    validation_fraction : float, default=0.1
        Fraction of the groups held out, whole, to choose the best epoch by. With 0, or if there
        are too few groups (a warning says so), the last epoch is kept. Groups are drawn anew
        where the rest would lack a class; after 20 draws training goes without validation.
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
    classes_ : ndarray of shape (n_classes,)
        The labels.
    encoder_ : torch.nn.Module
        The fine-tuned encoder.
    head_ : torch.nn.Module
        The head.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss`` and, with validation, ``valid_loss``: mean
        cross-entropies, weighted.
    n_features_in_ : int
        Number of time steps of a training segment.
    n_channels_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of str
        Column names of X, if it was a data frame (of one-channel segments) with such names.

    See Also
    --------
    RelConRegressor : The same for numbers.
    RelConEmbedder : The pretraining.

    Notes
    -----
    A linear probe in the usual sense, ``make_pipeline(FrozenEstimator(embedder),
    StandardScaler(), LogisticRegression())``, solves what ``freeze="encoder"`` approaches by
    gradient steps, and is to be preferred while embeddings fit in memory.

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
        self.class_weight = class_weight
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

    @_fit_context(prefer_skip_nested_validation=False)
    @advises_on_memory("training")
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the head, and what of the encoder is not frozen.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, in g. 2-D data are segments of one channel. May be a memory-mapped array, or
            anything else with shape, dtype and row indexing; it is read batch by batch.
        y : array-like of shape (n_segments,)
            Labels, at least two of them.
        sample_weight : array-like of shape (n_segments,) or None, default=None
            Weights of the segments. Those of weight zero are left out.
        groups : array-like of shape (n_segments,) or None, default=None
            Whose each segment is: validation holds out whole groups. None makes every segment a
            group of its own.

        Returns
        -------
        self : RelConClassifier
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
        classes, codes = self._check_labels(y)
        weights = check_weights(sample_weight, len(codes))
        weights = weights * class_weights(self.class_weight, classes, codes, weights)[codes]
        array, index = self._check_rows(X, len(codes), weights, groups)
        present = np.unique(codes[index.rows])
        if len(present) < 2:
            raise ValueError(
                f"y has one class only, {classes[present[0]]!r}, among the segments of weight "
                "above 0: there is nothing to tell apart."
            )
        self.classes_ = classes
        run = self._open_checkpoints(array, index, y=codes, sample_weight=weights)
        train, valid = self._hold_out(
            index,
            run.seed,
            is_acceptable=lambda part: len(np.unique(codes[part.rows])) == len(present),
        )
        self._start_encoder(array, groups, weights, run)
        data = Labelled(array, codes, weights, train, valid)
        self.history_ = self._learn(data, classification_loss, n_outputs=len(classes), run=run)
        return self

    def predict(self, X):
        """Return the most likely label of each segment.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments. With three dimensions they may be of another length than the training
            segments.

        Returns
        -------
        labels : ndarray of shape (n_segments,)
            Of the type of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used, has another number of channels than in training, or holds NaN or
            infinity.
        """
        numbers = self._outputs(X).argmax(axis=1)
        return self.classes_[numbers]

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_segments, n_timesteps, n_channels)
            Segments, as in :meth:`predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_segments, n_classes)
            Float32, in the order of `classes_`; rows sum to one.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If X cannot be used, has another number of channels than in training, or holds NaN or
            infinity.
        """
        return softmax(self._outputs(X), axis=1)

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {**super()._write_fitted(writer), "classes_": write_labels(self.classes_)}

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        self.classes_ = read_labels(reader.take("classes_"))
        self._read_network(reader, n_outputs=len(self.classes_))

    def _check_labels(self, y) -> tuple[np.ndarray, np.ndarray]:
        """Return the classes, and the number of the class of each segment."""
        self._require_targets(y)
        y = as_labels(y, "y", warn=True)
        try:
            with np.errstate(invalid="ignore"):  # it casts large numbers to integers
                check_classification_targets(y)
        except (TypeError, ValueError) as error:
            raise type(error)(f"y cannot be used: {error}") from error
        return np.unique(y, return_inverse=True)
