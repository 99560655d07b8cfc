"""Base classes of the estimators that are trained: device, seeds, training, pickling."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ._batches import DeviceSegments, GroupIndex, hold_out_groups, on_device
from ._cards import card_of_further, has_card, warn_of_discarded_weights
from ._files import (
    FittedReader,
    FittedWriter,
    read_history,
    write_history,
)
from ._files._recipes import PackedModule, Recipe
from ._initial import is_name_of_model
from ._segment_input import SegmentInput
from ._training import CheckpointFolder, Checkpoints, TrainingOptions
from ._training._distributed import ALONE, Processes, join
from ._training._fingerprint import checksum, fingerprint_of, fingerprint_of_data
from ._training._own_rows import OwnRows, own_rows
from ._utils._arrays import as_labels
from ._utils._device import as_device
from ._utils._frozen import is_frozen, unwrap
from ._utils._memory_advice import advises_on_memory
from ._utils._precision import dtype_of
from ._utils._warnings import warn
from .nn._threads import own_num_threads
from .segments._array import SegmentArray
from .segments._chosen_rows import ChosenRows
from .segments._constant import warn_if_constant
from .segments._magnitudes import warn_of_units
from .segments._runs import RunLabels
from .segments._sampling_rate import agreed_rate, rate_of

# Attempts at a split whose training part is acceptable, for example contains every class.
_MAX_SPLITS = 20


class FitRun(NamedTuple):
    """One call of ``fit``: its seed, checkpoints, `n_channels`, and the processes that share it."""

    seed: int
    checkpoints: CheckpointFolder | None
    n_channels: int | None
    processes: Processes = ALONE

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


class SegmentEstimator(SegmentInput):
    """Base class of estimators that accept segments and hold torch modules.

    Subclasses have the parameters below. Their ``fit`` makes modules with :meth:`_build`, splits
    the groups with :meth:`_hold_out`, trains with the options from :meth:`_training_options`, and
    sets ``history_`` last.
    """

    _parameter_constraints: dict = {
        **SegmentInput._parameter_constraints,
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "callbacks": [list, tuple, None],
        "checkpoint_dir": [str, os.PathLike, Checkpoints, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Set in a clone, of which fit cannot tell otherwise that the user had loaded a model.
    _is_clone_of_model = False

    def __sklearn_is_fitted__(self):
        # fit sets history_ last: after an interruption, other attributes may exist.
        return hasattr(self, "history_")

    def _check_is_fitted(self) -> None:
        """Raise NotFittedError unless the estimator is fitted."""
        if not self.__sklearn_is_fitted__():
            # Not called otherwise, because it first collects all tags, also for a single segment.
            check_is_fitted(self)

    def __sklearn_clone__(self):
        copied = super().__sklearn_clone__()
        if has_card(self):
            copied._is_clone_of_model = True
        return copied

    # -- input -----------------------------------------------------------------------------

    def _check_segments(self, X, *, reset: bool, name: str = "X") -> SegmentArray:
        own_num_threads()  # called here because every fit, transform and predict starts here
        if reset:
            self._check_before_training(X)
        array = super()._check_segments(X, reset=reset, name=name)
        is_nested = array is X  # the estimator around this one has warned
        is_acceleration = array.shape[2] == 3  # perhaps: other sensors have no gravity
        if reset and self.max_epochs > 0:
            warn_if_constant(array)
        if reset and not is_nested and is_acceleration and not self._compares_with_a_model():
            warn_of_units(self._magnitudes, name)
        return array

    def _compares_with_a_model(self) -> bool:
        """Return whether ``fit`` uses a fitted model whose magnitudes it compares with `X`."""
        params = self.get_params(deep=False)
        init = params.get("init")
        if isinstance(init, (str, os.PathLike)) or is_name_of_model(params.get("encoder")):
            return True
        models = [unwrap(value) for value in (init, *filter(is_frozen, params.values()))]
        # Released networks and estimators of the user have none.
        return any(getattr(model, "_magnitudes", None) is not None for model in models)

    def _check_before_training(self, X) -> None:
        """Raise errors about parameters, and warn, before anything is read or written."""
        self._device()
        if self.callbacks:
            from ._training._skorch_callbacks import check_callbacks  # imports skorch

            check_callbacks(self.callbacks, validated=self.validation_fraction > 0)
        warn_of_discarded_weights(self)

    def _forget_fit(self) -> None:
        vars(self).pop("history_", None)
        vars(self).pop("_is_clone_of_model", None)

    def _adopt_rate(self, nested) -> None:
        """Take the sampling rate of a fitted distance or embedder if no other is known.

        Raises ValueError if another one is known.
        """
        rate = rate_of(nested, "sampling_rate_")
        what = f"the fitted {type(nested).__name__}"
        self.sampling_rate_ = agreed_rate(self.sampling_rate_, rate, what)

    def _check_initial(self, model: SegmentEstimator, array: SegmentArray) -> None:
        """Raise ValueError unless segments fit the initial model, and take its sampling rate."""
        model._check_segments(array, reset=False)
        self._adopt_rate(model)
        if self.sampling_rate_ is not None:
            array.set_rate(self.sampling_rate_)

    def _adopt_card(self, model: SegmentEstimator | None, history: list[dict]) -> None:
        """Take the card of the initial model, with a note unless this is the same model."""
        is_other = history or not isinstance(self, type(model))
        card = card_of_further(model) if is_other else getattr(model, "card_", None)
        if card is not None:
            self.card_ = card

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
        result depends on. If several processes train together, seed and folder are those of the
        first one.
        """
        processes = join(self._device())
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        seed, settings = processes.from_first(lambda: (seed, self.checkpoint_dir))
        if settings is None and processes.size == 1:
            return FitRun(seed, None, self.n_channels)
        fingerprint = {
            **self._fingerprint(array),
            "data": {
                **fingerprint_of_data(array, index),
                **{name: checksum(value) for name, value in others.items()},
            },
        }
        if isinstance(self.random_state, np.random.RandomState):
            fingerprint["random_state"] = f"RandomState that drew {seed}"
        processes.check_same(fingerprint | self._arithmetic())
        if settings is None:
            return FitRun(seed, None, self.n_channels, processes)
        if not isinstance(settings, Checkpoints):
            settings = Checkpoints(settings)
        checkpoints = processes.from_first(lambda: CheckpointFolder(settings, fingerprint, seed))
        return FitRun(checkpoints.seed, checkpoints, self.n_channels, processes)

    def _fingerprint(self, array: SegmentArray) -> dict:
        """Return everything but the data that the result of a fit depends on."""
        return fingerprint_of(self)

    def _arithmetic(self) -> dict:
        """Return what all processes must have in common, but a fit that resumes need not."""
        device = self._device()
        precision = "float32" if "precision" in self._without_effect else self.precision
        return {
            "type of device": device.type,
            "precision on its device": str(dtype_of(precision, device)),
        }

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
            processes=run.processes,
        )

    def _training_data(
        self, array: SegmentArray, run: FitRun
    ) -> SegmentArray | DeviceSegments | OwnRows:
        """Return segments in device memory if training will read them and they fit.

        Otherwise, each process reads its share of a batch. If they do not fit in one process, it is
        so in all of them: those that read may exchange segments, which all have to do.
        """
        data = on_device(array, self._device()) if self.max_epochs > 0 else array
        (is_read,) = run.processes.any(data is array)
        return own_rows(array if is_read else data, run.processes)

    def _build(self, name: str, factory: Callable[..., nn.Module], seed: int, **kwargs) -> None:
        """Make a module with seeded weights and set it as an attribute."""
        recipe = Recipe(factory, kwargs)
        self._set_module(name, recipe.make(seed), recipe)

    def _copy_module(self, name: str, model: SegmentEstimator) -> None:
        """Set a copy of the module that a fitted model has as the attribute of the same name."""
        self._set_module(name, copy.deepcopy(getattr(model, name)), model._recipes[name])

    @advises_on_memory("training")
    def _set_module(self, name: str, module: nn.Module, recipe: Recipe) -> None:
        """Set a module as an attribute, in evaluation mode, and store its recipe for pickling."""
        self._recipes = {**getattr(self, "_recipes", {}), name: recipe}
        setattr(self, name, module.to(self._device()).eval())

    # -- files -----------------------------------------------------------------------------

    def _write_fitted(self, writer: FittedWriter) -> dict:
        return {**super()._write_fitted(writer), "history_": write_history(self.history_)}

    def _read_fitted(self, reader: FittedReader) -> None:
        super()._read_fitted(reader)
        self.history_ = read_history(reader.take("history_"))

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


def check_at_least_two(array: SegmentArray) -> None:
    """Raise ValueError if there are fewer than two segments."""
    if len(array) < 2:
        raise ValueError(
            f"{array.name} has n_samples=1 (shape {array.shape}), but at least 2 segments are "
            "needed, because segments are compared with each other."
        )
