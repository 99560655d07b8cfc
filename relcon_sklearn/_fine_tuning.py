"""Base class of the classifier and the regressor: an encoder with a head, and their training."""

from __future__ import annotations

import copy
import tempfile
from contextlib import nullcontext
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ._base import FitRun, SegmentEstimator, check_at_least_two, fit_nested
from ._batches import DeviceSegments, GroupIndex, LabelledBatches
from ._cards import lacks_its_weights
from ._embedder import RelConEmbedder
from ._export import Exportable
from ._files import FittedReader, FittedWriter, ModuleKind, check_entry
from ._files._recipes import seeded_global_rng
from ._initial import NAMES_OF_EMBEDDERS, is_name_of_model
from ._training import Loss, fit_module
from ._training._blocks import apply_in_blocks, check_embeddings, make_embed
from ._utils._device import ready
from ._utils._frozen import is_frozen, unwrap
from ._utils._memory_advice import advises_on_memory
from ._utils._precision import dtype_of
from ._utils._sample_weight import weighted_moments
from ._utils._warnings import warn
from .nn import HeadedEncoder, make_head, without_gradients
from .nn._heads import HEADS
from .nn._presets import ENCODER_PRESETS, draws_globally, encoder_preset
from .segments._array import SegmentArray
from .segments._chosen_rows import ChosenRows
from .segments._length import warn_of_length

# Embeddings of a frozen encoder up to this size are kept in memory, larger ones in a temporary
# file.
_KEPT_BYTES = 2**28

# Number of segments from which the head computes the mean and deviation of embeddings if the
# encoder is trained too.
_N_STANDARDISED = 256

# The kind of module that files hold as `head_`.
_HEAD = ModuleKind(make_head)


class _Count(Interval):
    """Interval of counts: integers except True, which would be a single stage."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool) and super().is_satisfied_by(val)


class Labelled(NamedTuple):
    """Segments with targets and weights, one per row, and the rows to train and validate on.

    `valid` is None if nothing is held out.
    """

    array: SegmentArray | DeviceSegments
    targets: np.ndarray
    weights: np.ndarray
    train: GroupIndex
    valid: GroupIndex | None

    def batches(self, batch_size: int, seed: int) -> list[LabelledBatches | None]:
        """Return the training batches, and the validation batches or None."""
        labels = {"targets": self.targets, "weights": self.weights}
        return [
            None if part is None else LabelledBatches(self.array, part, batch_size, seed, **labels)
            for part in (self.train, self.valid)
        ]


class FineTunedEstimator(Exportable, SegmentEstimator):
    """Base class of predictors that consist of an encoder and a head.

    The ``fit`` of subclasses checks the targets and the rows (:meth:`_check_rows`), holds rows out,
    makes the encoder (:meth:`_make_encoder`) and trains (:meth:`_train`). They predict from
    :meth:`_outputs`.
    """

    _parameter_constraints: dict = {
        **SegmentEstimator._parameter_constraints,
        "encoder": [
            StrOptions({*ENCODER_PRESETS, *NAMES_OF_EMBEDDERS}),
            callable,
            HasMethods(["fit", "transform"]),
        ],
        "head": [StrOptions(set(HEADS))],
        "freeze": [
            StrOptions({"encoder", "none"}),
            _Count(Integral, 1, None, closed="left"),
        ],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    }

    # -- input -----------------------------------------------------------------------------

    def _validate_params(self):
        self._refuse_predictors()
        super()._validate_params()

    def _refuse_predictors(self) -> None:
        """Raise ValueError if `encoder` is a classifier or regressor, fitted or by its name."""
        encoder = self.encoder
        if is_name_of_model(encoder) and encoder not in NAMES_OF_EMBEDDERS:
            use = f"load it: RelConClassifier.from_pretrained({encoder!r})"
            what = f"{encoder!r} is the name of a classifier"
        elif isinstance(unwrap(encoder), FineTunedEstimator):
            what, use = f"it is or wraps a {type(unwrap(encoder)).__name__}", "call its predict"
        else:
            return
        raise ValueError(
            f"encoder is no embedder: {what}. To use it as it is, {use}. To train with your "
            "labels, pass a fitted RelConEmbedder as FrozenEstimator(embedder), or the name of one "
            f"that comes with the package: {', '.join(map(repr, NAMES_OF_EMBEDDERS))}."
        )

    def _require_targets(self, y) -> None:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )

    def _check_rows(
        self, X, n_targets: int, weights: np.ndarray, groups
    ) -> tuple[SegmentArray, GroupIndex]:
        """Check `X` and `groups`, and return the segments and the groups of the weighted rows."""
        array = self._check_segments(X, reset=True)
        if n_targets != len(array):
            raise ValueError(
                f"y has {n_targets} entries, but X has {len(array)} segments. Pass one target for "
                "each segment."
            )
        index = self._check_groups(groups, len(array))
        check_at_least_two(array)
        if np.count_nonzero(weights) < 2:
            raise ValueError("sample_weight leaves fewer than 2 segments of nonzero weight.")
        if not weights.all():
            index = _index_of_selected(groups, weights > 0)
        return array, index

    # -- training --------------------------------------------------------------------------

    def _make_encoder(self, array: SegmentArray, groups, weights: np.ndarray, run: FitRun) -> None:
        """Set ``encoder_`` to a new encoder or to a copy of a pretrained one."""
        encoder, unwrapped = self.encoder, unwrap(self.encoder)
        if is_name_of_model(encoder):
            self._start_from(RelConEmbedder.from_pretrained(encoder, device=self.device), array)
        elif isinstance(unwrapped, RelConEmbedder):
            if is_frozen(encoder):
                check_is_fitted(unwrapped)
                self._start_from(unwrapped, array)
            else:
                self._start_from(self._pretrain(array, groups, weights, run))
        elif isinstance(encoder, str) or callable(encoder):
            factory, settings = encoder_preset(encoder)
            self._build("encoder_", factory, run.seed, n_channels=self.n_channels_in_, **settings)
        else:
            raise ValueError(
                f"encoder={encoder!r} is or wraps a {type(unwrapped).__name__}. The only estimator "
                "that has an encoder to start from is a RelConEmbedder."
            )

    def _start_from(self, embedder: RelConEmbedder, array: SegmentArray | None = None) -> None:
        """Set ``encoder_`` to a copy of that of a fitted embedder, and take its sampling rate.

        Segments that it was not fitted to are compared with those of its training.
        """
        if array is not None:
            embedder._check_segments(array, reset=False)
        self._adopt_rate(embedder)
        self._copy_module("encoder_", embedder)

    def _pretrain(
        self, array: SegmentArray, groups, weights: np.ndarray, run: FitRun
    ) -> RelConEmbedder:
        """Return a clone of the embedder, fitted to the rows that have a weight."""
        embedder = clone(self.encoder)
        # Its own fit warns if it lacks the weights of a model with a card.
        if self.encoder.__sklearn_is_fitted__() and not lacks_its_weights(embedder):
            warn(
                "encoder is a fitted RelConEmbedder, which fit clones and pretrains again. To "
                "start from its weights, pass FrozenEstimator(embedder). To silence this warning, "
                "pass clone(embedder)."
            )
        run.configure_nested(embedder, "pretraining")
        if weights.all():
            return fit_nested(embedder, array, groups)
        rows = np.flatnonzero(weights)
        groups = None if groups is None else np.asarray(groups)[rows]
        chosen = SegmentArray(ChosenRows(array, rows), array.name)
        chosen.is_checked_constant = array.is_checked_constant
        return fit_nested(embedder, chosen, groups)

    @advises_on_memory("training")
    def _train(self, data: Labelled, loss: Loss, *, n_outputs: int, run: FitRun) -> list[dict]:
        """Make a head for ``encoder_``, train what is not frozen, and return the history."""
        frozen = self._frozen_parts(self.encoder_)
        n_features = self._embed(SegmentArray(data.array.read(np.arange(1)))).shape[1]
        self._build(
            "head_", make_head, run.seed, kind=self.head, n_features=n_features, n_outputs=n_outputs
        )
        with without_gradients(frozen), self._isolated_rng(run.seed):
            if self.freeze == "encoder":
                # Embeddings of a frozen encoder never change, so the head is trained on them.
                embeddings = self._embed(data.array, out=_allocate(len(data.array), n_features))
                self._standardise(embeddings, weights_of(data.train, data.weights))
                data = data._replace(array=SegmentArray(embeddings, "embeddings"))
                net = HeadedEncoder(nn.Flatten(), self.head_)
            else:
                rows = data.train.sample_evenly(_N_STANDARDISED, np.random.default_rng(run.seed))
                z = self._embed_as_in_training(data.array.read(rows))
                self._standardise(z, data.weights[rows])
                dtype = dtype_of(self.precision, self._device())
                net = HeadedEncoder(self.encoder_, self.head_, frozen, dtype)
            data = data._replace(array=self._training_data(data.array, run))
            options = self._training_options(
                type(self).__name__,
                run,
                patience=self.n_iter_no_change,
                global_rng=self._draws_globally(),
            )
            return fit_module(net, loss, *data.batches(self.batch_size, run.seed), options)

    def _frozen_parts(self, encoder: nn.Module) -> list[nn.Module]:
        """Return the modules of an encoder that must not change."""
        if self.freeze == "none":
            return []
        if self.freeze == "encoder":
            return [encoder]
        stages = getattr(encoder, "stages", list)()
        if len(stages) < self.freeze:
            raise ValueError(
                f"freeze={self.freeze}, but the encoder, a {type(encoder).__name__}, has "
                f"{len(stages)} stages" + ("." if stages else " (no method stages()).")
            )
        return [module for stage in stages[: self.freeze] for module in stage]

    def _standardise(self, embeddings: np.ndarray, weights: np.ndarray) -> None:
        """Have the head standardise embeddings with the mean and deviation of the given ones."""
        self.head_.standardise.set(*weighted_moments(embeddings, weights))

    def _embed_as_in_training(self, segments: np.ndarray) -> np.ndarray:
        """Embed segments with batch norms in training mode, as in the first training step.

        The running statistics of a new encoder are still meaningless. A copy of the encoder is
        used, because the running statistics change in training mode.
        """
        encoder = copy.deepcopy(self.encoder_)
        net = HeadedEncoder(encoder, nn.Identity(), self._frozen_parts(encoder)).train()
        with torch.inference_mode():
            z = net(torch.from_numpy(segments).to(self._device()).transpose(1, 2))
        return check_embeddings(z, len(segments), self.encoder).cpu().numpy()

    def _draws_globally(self) -> bool:
        """Return whether training draws from torch's global generators."""
        return self.freeze != "encoder" and draws_globally(self.encoder_)

    def _isolated_rng(self, seed: int):
        # In threads, fits with an encoder that draws from the global generators (dropout) run one
        # after the other.
        return seeded_global_rng(seed, self._device()) if self._draws_globally() else nullcontext()

    # -- files -----------------------------------------------------------------------------

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {
            **super()._write_fitted(writer),
            "encoder_": writer.encoder("encoder_"),
            "head_": writer.module("head_"),
        }

    def _read_network(self, reader: FittedReader, n_outputs: int) -> None:
        """Read the encoder, and the head with `n_outputs` outputs."""
        encoder = reader.encoder("encoder_")
        head = reader.module("head_", _HEAD)
        head.check_arguments(n_outputs=n_outputs)
        check_entry(head.recipe.kwargs["kind"] in HEADS, "kind of head_")
        if encoder.n_features is not None:
            head.check_arguments(n_features=encoder.n_features)

    # -- prediction ------------------------------------------------------------------------

    @advises_on_memory("embedding")
    def _embed(self, array: SegmentArray, out: np.ndarray | None = None) -> np.ndarray:
        device = self._device()
        embed = make_embed(self.encoder_, self.encoder, device, self.precision)
        return apply_in_blocks(embed, array, device, out=out, verbose=self.verbose)

    @advises_on_memory("predicting")
    def _outputs(self, X) -> np.ndarray:
        """Return the outputs of the head, float32 of shape (n_segments, n_outputs)."""
        self._check_is_fitted()
        array, device = self._check_segments(X, reset=False), self._device()
        trained = getattr(self, "_n_timesteps_in", None)
        warn_of_length(array.shape[1], trained, array.name, type(self).__name__)
        embed = make_embed(self.encoder_, self.encoder, device, self.precision)
        head = ready(self.head_, device)

        def predict(segments: Tensor) -> Tensor:
            return head(embed(segments))

        return apply_in_blocks(predict, array, device, description="predict", verbose=self.verbose)


def weights_of(index: GroupIndex, weights: np.ndarray) -> np.ndarray:
    """Return the weights of the rows in an index, and 0 for the other rows."""
    used = np.zeros_like(weights)
    used[index.rows] = weights[index.rows]
    return used


def _index_of_selected(groups, selected: np.ndarray) -> GroupIndex:
    """Return an index of the rows in a mask. If None, every row is its own group."""
    labels = np.arange(len(selected)) if groups is None else np.asarray(groups)
    codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
    index = GroupIndex.from_labels(np.where(selected, codes, -1))
    return index.select(index.labels >= 0)


def _allocate(n_rows: int, n_features: int) -> np.ndarray:
    """Return an array for embeddings, in memory or, if it is large, in a temporary file."""
    shape = (n_rows, n_features)
    if 4 * n_rows * n_features <= _KEPT_BYTES:
        return np.empty(shape, dtype=np.float32)
    with tempfile.TemporaryFile() as file:  # the mapping keeps the file
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
