"""Base classes of the estimators: input checks, device, seeds, training, files, pickling."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data
from torch import nn

from ._batches import DeviceSegments, GroupIndex, hold_out_groups, on_device
from ._files import (
    FittedReader,
    FittedWriter,
    SavedAsFile,
    are_strings,
    as_count,
    as_numbers,
    check_entry,
    read_history,
    write_history,
)
from ._files._recipes import PackedModule, Recipe
from ._training import CheckpointFolder, Checkpoints, TrainingOptions, check_callbacks
from ._training._fingerprint import checksum, fingerprint_of, fingerprint_of_data
from ._utils._arrays import as_array, as_labels
from ._utils._device import as_device, warn_of_other_processes
from ._utils._doc_link import DocLinkMixin
from ._utils._memory_advice import advises_on_memory
from ._utils._warnings import warn
from .nn._threads import own_num_threads
from .segments._array import ONE_LENGTH, SegmentArray
from .segments._chosen_rows import ChosenRows
from .segments._layout import advice_on_channels, check_columns, check_index, warn_of_layout
from .segments._magnitudes import Magnitudes, training_magnitudes, warn_of_magnitudes
from .segments._runs import RunLabels
from .segments._sampling_rate import agreed_rate, check_rate, is_rate, rate_of

# Attempts at a split whose training part is acceptable, for example contains every class.
_MAX_SPLITS = 20


class FitRun(NamedTuple):
    """One call of ``fit``: the seed of its random draws, its checkpoints, and `n_channels`."""

    seed: int
    checkpoints: CheckpointFolder | None
    n_channels: int | None

    def configure_nested(self, estimator: BaseEstimator, folder_name: str) -> None:
        """Set seed, `n_channels` and checkpoint folder of a nested estimator where they are None.

        The folder is inside the folder of this run.
        """
        if getattr(estimator, "n_channels", "none") is None:
            estimator.set_params(n_channels=self.n_channels)
        if getattr(estimator, "random_state", "none") is None:
            estimator.set_params(random_state=self.seed)
        if self.checkpoints is not None and getattr(estimator, "checkpoint_dir", "none") is None:
            estimator.set_params(checkpoint_dir=self.checkpoints.settings.inside(folder_name))


class SegmentEstimator(SavedAsFile, DocLinkMixin, BaseEstimator):
    """Base class of estimators that accept segments and hold torch modules.

    Subclasses have the parameters below. Their ``fit`` makes modules with :meth:`_build`, splits
    the groups with :meth:`_hold_out`, trains with the options from :meth:`_training_options`, and
    sets ``history_`` last.
    """

    _parameter_constraints: dict = {
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "sampling_rate": [Interval(Real, 0, None, closed="neither"), None],
        "callbacks": [list, tuple, None],
        "checkpoint_dir": [str, os.PathLike, Checkpoints, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __sklearn_is_fitted__(self):
        # fit sets history_ last: after an interruption, other attributes may exist.
        return hasattr(self, "history_")

    # -- input -----------------------------------------------------------------------------

    @property
    def n_features_in_(self) -> int:
        # The classes document it as an attribute. n_channels may be set after fit.
        return self._n_timesteps_in * (self.n_channels or 1)

    @n_features_in_.setter
    def n_features_in_(self, n_features: int):
        self._n_timesteps_in = n_features // (self.n_channels or 1)

    def _check_segments(self, X, *, reset: bool, name: str = "X") -> SegmentArray:
        """Check `X` without copying it, and return a view of it as segments.

        Arrays in memory are scanned for NaN and infinity immediately. Rows of arrays that are
        memory-mapped or read on demand are checked when they are read.
        """
        own_num_threads()  # called here because every fit, transform and predict starts here
        # A SegmentArray was checked by the estimator that this one is nested in.
        is_nested = isinstance(X, SegmentArray)
        if reset:
            self._device()  # raises an error before anything is read or written
            check_callbacks(self.callbacks or (), validated=self.validation_fraction > 0)
            if not is_nested:
                warn_of_other_processes()
        array = X if is_nested else _as_segments(X, name, self.n_channels)
        _, n_timesteps, n_channels = array.shape
        self._check_channels(array, reset=reset)
        # An estimator nested in one with another n_channels gets segments and no columns.
        has_columns = len(array.X.shape) == 2 and n_channels == (self.n_channels or 1)
        if has_columns:
            # For scikit-learn each column is a feature: names and number must match.
            validate_data(self, array.given, reset=reset, skip_check_array=True)
        if not is_nested and self.n_channels is None:
            warn_of_layout(array)
        if reset:
            self._n_timesteps_in = operator.index(n_timesteps)
            self.n_channels_in_ = operator.index(n_channels)
            vars(self).pop("history_", None)
            if not has_columns:
                vars(self).pop("feature_names_in_", None)
        self._check_signal(array, reset=reset)
        return array

    def _check_channels(self, array: SegmentArray, *, reset: bool) -> None:
        """Raise ValueError unless the number of channels is `n_channels`, and that of the fit."""
        n_channels, estimator = array.shape[2], type(self).__name__
        if self.n_channels not in (None, n_channels):
            raise ValueError(
                f"{array.name} has {n_channels} channels, but {estimator} has "
                f"n_channels={self.n_channels}. {advice_on_channels(array, self.n_channels)}"
            )
        if not reset and n_channels != self.n_channels_in_:
            raise ValueError(
                f"{array.name} has {n_channels} channels, but {estimator} was fitted with "
                f"{self.n_channels_in_}. {advice_on_channels(array, self.n_channels_in_)}"
            )

    def _check_signal(self, array: SegmentArray, *, reset: bool) -> None:
        """Keep rate and magnitudes of the training, or compare those of other segments with them.

        Raises ValueError for another rate, and warns of other magnitudes.
        """
        if reset:
            # Estimators that are nested in this one compare theirs with the rate of the array.
            array.sampling_rate = agreed_rate(self.sampling_rate, array.sampling_rate, array.name)
            self.sampling_rate_ = array.sampling_rate
            self._magnitudes = training_magnitudes(array)
            return
        name, model = array.name, type(self).__name__
        check_rate(array.sampling_rate, rate_of(self, "sampling_rate_"), name, model)
        warn_of_magnitudes(array, getattr(self, "_magnitudes", None), name, model)

    def _adopt_rate(self, nested) -> None:
        """Take the sampling rate of a fitted distance or embedder if no other is known.

        Raises ValueError if another one is known.
        """
        rate = rate_of(nested, "sampling_rate_")
        what = f"the fitted {type(nested).__name__}"
        self.sampling_rate_ = agreed_rate(self.sampling_rate_, rate, what)

    def _check_groups(self, groups, n_segments: int) -> GroupIndex:
        """Return the index of `groups`. If None, every segment is its own group."""
        if groups is None:
            return GroupIndex.from_labels(np.arange(n_segments))
        if isinstance(groups, RunLabels):
            as_labels(groups.labels, "groups.labels")
        else:
            groups = as_labels(groups, "groups")
        if len(groups) != n_segments:
            raise ValueError(
                f"groups has {len(groups)} entries, but X has {n_segments} segments. Pass one "
                "group for each segment."
            )
        return GroupIndex.from_labels(groups)

    # -- training --------------------------------------------------------------------------

    def _device(self) -> torch.device:
        return as_device(self.device)

    def _open_checkpoints(self, array: SegmentArray, index: GroupIndex, **others) -> FitRun:
        """Return the seed of a fit and, with `checkpoint_dir`, its checkpoints.

        A fit that continues has the seed it was started with. `others` are further arrays that the
        result depends on.
        """
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if self.checkpoint_dir is None:
            return FitRun(seed, None, self.n_channels)
        settings = self.checkpoint_dir
        if not isinstance(settings, Checkpoints):
            settings = Checkpoints(settings)
        fingerprint = {
            **fingerprint_of(self),
            "data": {
                **fingerprint_of_data(array, index),
                **{name: checksum(value) for name, value in others.items()},
            },
        }
        if isinstance(self.random_state, np.random.RandomState):
            fingerprint["random_state"] = f"RandomState that drew {seed}"
        checkpoints = CheckpointFolder(settings, fingerprint, seed)
        return FitRun(checkpoints.seed, checkpoints, self.n_channels)

    def _hold_out(
        self,
        groups: GroupIndex,
        seed: int,
        *,
        is_acceptable: Callable[[GroupIndex], bool] = lambda train: True,
    ) -> tuple[GroupIndex, GroupIndex | None]:
        """Split into an acceptable training part, and a validation part or None."""
        rng = np.random.default_rng(seed)
        reason = "There are too few groups or segments to hold any out."
        for _ in range(_MAX_SPLITS):
            train, valid = hold_out_groups(groups, self.validation_fraction, rng)
            if valid is None or is_acceptable(train):
                break
        else:
            train, valid = groups, None
            reason = f"In each of {_MAX_SPLITS} random splits, the training part lacked a class."
        if valid is None and self.validation_fraction > 0:
            warn(
                f"validation_fraction={self.validation_fraction} has no effect. {reason} Training "
                "without validation and keeping the weights of the last epoch. Pass "
                "validation_fraction=0 to silence this warning."
            )
        return train, valid

    def _training_options(
        self,
        description: str,
        run: FitRun,
        *,
        patience: int | None = None,
        global_rng: bool = False,
    ) -> TrainingOptions:
        """Return the options of a training, taken from the parameters of the estimator."""
        return TrainingOptions(
            lr=self.lr,
            max_epochs=self.max_epochs,
            device=self._device(),
            patience=patience,
            callbacks=self.callbacks or (),
            verbose=self.verbose,
            description=description,
            checkpoints=run.checkpoints,
            global_rng=global_rng,
        )

    def _load_to_device(self, array: SegmentArray) -> SegmentArray | DeviceSegments:
        """Return segments in device memory if training will read them and they fit."""
        return on_device(array, self._device()) if self.max_epochs > 0 else array

    def _build(self, name: str, factory: Callable[..., nn.Module], seed: int, **kwargs) -> None:
        """Make a module with seeded weights and set it as an attribute."""
        recipe = Recipe(factory, kwargs)
        self._set_module(name, recipe.make(seed), recipe)

    @advises_on_memory("training")
    def _set_module(self, name: str, module: nn.Module, recipe: Recipe) -> None:
        """Set a module as an attribute, in evaluation mode, and store its recipe for pickling."""
        self._recipes = {**getattr(self, "_recipes", {}), name: recipe}
        setattr(self, name, module.to(self._device()).eval())

    # -- files -----------------------------------------------------------------------------

    def _write_fitted(self, writer: FittedWriter) -> dict:
        """Return the header entries of the fitted attributes, by attribute name.

        Subclasses add their own entries. `writer` collects modules and arrays.
        """
        names = getattr(self, "feature_names_in_", None)
        n_features = getattr(self, "n_features_in_", None)  # unknown for released networks
        return {
            "n_features_in_": None if n_features is None else int(n_features),
            "n_channels_in_": int(self.n_channels_in_),
            "feature_names_in_": None if names is None else [str(name) for name in names],
            "history_": write_history(self.history_),
            "sampling_rate_": rate_of(self, "sampling_rate_"),
            "_magnitudes": getattr(self, "_magnitudes", None),
        }

    def _read_fitted(self, reader: FittedReader) -> None:
        """Set the attributes that :meth:`_write_fitted` wrote, and check them.

        Raises
        ------
        ValueError
            If an entry is not as this class writes it. The error may also be a KeyError, a
            TypeError or another one.
        """
        self.n_channels_in_ = as_count(reader.take("n_channels_in_"))
        self.history_ = read_history(reader.take("history_"))
        # Earlier versions did not write these two.
        self.sampling_rate_ = reader.take("sampling_rate_", None)
        check_entry(self.sampling_rate_ is None or is_rate(self.sampling_rate_), "sampling_rate_")
        self._magnitudes = _read_magnitudes(reader.take("_magnitudes", None))
        if (n_features := reader.take("n_features_in_")) is not None:
            self.n_features_in_ = as_count(n_features)
            check_entry(self.n_features_in_ == n_features, "n_features_in_")
        if (names := reader.take("feature_names_in_")) is not None:
            n_names = getattr(self, "_n_timesteps_in", 0) * self.n_channels_in_
            check_entry(are_strings(names) and len(names) == n_names, "feature_names_in_")
            self.feature_names_in_ = np.array(names, dtype=object)

    # -- pickling --------------------------------------------------------------------------

    def __getstate__(self):
        state = dict(super().__getstate__())
        for name, recipe in state.get("_recipes", {}).items():
            state[name] = PackedModule.pack(state[name], recipe)
        return state

    def __setstate__(self, state):
        state = {
            name: value.unpack() if isinstance(value, PackedModule) else value
            for name, value in state.items()
        }
        super().__setstate__(state)


class SegmentTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SegmentEstimator):
    """Base class of transformers that accept segments and hold torch modules."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _read_magnitudes(entry: list[float] | None) -> Magnitudes | None:
    if entry is None:
        return None
    magnitudes = Magnitudes(*as_numbers(entry, "_magnitudes").tolist())
    check_entry(0 < magnitudes.low <= magnitudes.median <= magnitudes.high, "_magnitudes")
    return magnitudes


def fit_nested(estimator, array: SegmentArray, groups):
    """Fit an estimator within another one, and return it.

    An estimator with a ``fit`` of this package gets the segments as they were checked, so that
    they are not scanned a second time. One with another ``fit``, which may be a subclass of ours,
    gets what the user passed, but flat segments of several channels as a 3-D array.
    """
    is_ours = type(estimator).fit.__module__.partition(".")[0] == __package__
    if is_ours:
        return estimator.fit(array, groups=groups)
    is_flat = len(array.X.shape) == 2 and array.n_channels > 1
    X = ChosenRows(array, np.arange(len(array))) if is_flat else array.given
    return estimator.fit(X, groups=groups)


def _as_segments(X, name: str, n_channels: int | None) -> SegmentArray:
    """Return a view of `X`, or raise ValueError. Arrays in memory are scanned immediately."""
    check_index(X, name)
    in_memory = not _is_lazy(X)
    checked = X
    if in_memory:
        checked = as_array(X, name, if_ragged=ONE_LENGTH, allow_nd=True, ensure_all_finite=False)
    _check_shape(checked, name)
    if len(checked.shape) == 2 and n_channels is not None:
        check_columns(checked.shape[1], n_channels, name)
    array = SegmentArray(checked, name, given=X, n_channels=n_channels or 1)
    if in_memory:
        array.check()
    return array


def _is_lazy(X) -> bool:
    """Return whether `X` should stay where it is and be read a few rows at a time."""
    if isinstance(X, np.memmap):
        return True
    if isinstance(X, torch.Tensor):
        # Other tensors have no rows to index (sparse, nested), no values (meta), or encoded values
        # (quantized).
        return X.layout is torch.strided and not (X.is_nested or X.is_meta or X.is_quantized)
    if isinstance(X, np.ndarray) or sparse.issparse(X) or hasattr(X, "iloc"):
        return False
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))


def _check_shape(X, name: str) -> None:
    """Raise ValueError unless an array has the shape and the dtype of segments."""
    try:
        shape = tuple(operator.index(size) for size in X.shape)
    except TypeError as error:  # some dask arrays have unknown sizes, h5py's Empty has no shape
        raise ValueError(f"{name} has shape {X.shape}; expected known sizes.") from error
    if len(shape) not in (2, 3):
        raise ValueError(
            f"{name} has {len(shape)} dimensions, shape {shape}; expected "
            "(n_segments, n_timesteps, n_channels), or (n_segments, n_timesteps) for one channel, "
            "or with n_channels=... the flat (n_segments, n_timesteps * n_channels)."
        )
    if not _is_real(X.dtype):
        raise ValueError(f"{name} has dtype {X.dtype}; expected real numbers.")
    for size, what in zip(shape, ("segments", "time steps", "channels"), strict=False):
        if size < 1:
            raise ValueError(f"{name} has no {what}: its shape is {tuple(X.shape)}.")


def _is_real(dtype) -> bool:
    """Return whether values of a NumPy or torch dtype are real numbers."""
    try:
        if not isinstance(dtype, torch.dtype):
            return np.dtype(dtype).kind in "fiub"
        torch.empty(1, dtype=dtype)[[0]]  # not implemented for every dtype that has a name
        return not dtype.is_complex
    except (TypeError, RuntimeError):
        return False


def check_at_least_two(array: SegmentArray) -> None:
    """Raise ValueError if there are fewer than two segments."""
    if len(array) < 2:
        raise ValueError(
            f"{array.name} has n_samples=1 (shape {array.shape}), but at least 2 segments are "
            "needed, because segments are compared with each other."
        )
