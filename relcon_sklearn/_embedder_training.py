"""The parts of the training of a RelConEmbedder: distance, batches and loss."""

from __future__ import annotations

from collections import OrderedDict
from numbers import Integral

from torch import nn

from ._batches import Batches, DeviceSegments, GroupIndex, SharedBatches
from ._feature_distance import FeatureDistance
from ._files._recipes import Recipe
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import make_ranker
from ._training import Loss, ranking_loss
from ._utils._precision import dtype_of
from .augmentations import RandomAugmentations
from .nn._heads import make_projection
from .segments._array import SegmentArray


class EmbedderTraining:
    """Methods of :class:`RelConEmbedder` that make the parts of its training."""

    def _distance(self):
        if isinstance(self.distance, str):
            return FeatureDistance()
        if self.distance is None:
            return LearnedMotifDistance(device=self.device, verbose=self.verbose)
        return self.distance

    def _fingerprint(self, array: SegmentArray) -> dict:
        fingerprint, distance = super()._fingerprint(array), self._distance()
        if isinstance(distance, FeatureDistance):
            fingerprint["rate_of_features"] = distance._rate_after_fit(array.sampling_rate)
        return fingerprint

    def _check_projection(self) -> None:
        """Raise ValueError unless `projection` has widths of layers."""
        for width in self.projection or ():
            if not isinstance(width, Integral) or isinstance(width, bool) or width < 1:
                raise ValueError(
                    f"projection={self.projection!r} has the entry {width!r}. Expected positive "
                    "integers, which are the widths of the layers, or None."
                )

    def _train_and_valid(
        self,
        data: SegmentArray | DeviceSegments,
        train: GroupIndex,
        valid: GroupIndex | None,
        seed: int,
    ) -> tuple[Batches, Batches | None]:
        """Return batches of the training part, and of the validation part if there is one."""
        kind = SharedBatches if self.candidates == "shared" else Batches
        sizes = (self.batch_size, seed, self.n_within, self.n_between)
        return (
            kind(data, train, *sizes, n_batches=self.steps_per_epoch),
            None if valid is None else kind(data, valid, *sizes),
        )

    def _with_projection(self, seed: int) -> nn.Module:
        """Return the encoder, with a projection head if there is one, as a module to train."""
        if not self.projection:
            return self.encoder_
        arguments = {"n_features": self._n_features_out, "widths": tuple(self.projection)}
        head = Recipe(make_projection, arguments).make(seed)
        return nn.Sequential(OrderedDict(encoder=self.encoder_, projection=head))

    def _training_loss(self) -> Loss:
        device = self._device()
        dtype = dtype_of(self.precision, device)
        return ranking_loss(
            make_ranker(self.distance_, device, dtype, self.query_stride),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=RandomAugmentations()
            if isinstance(self.augmentation, str)
            else self.augmentation,
            compiled=self.compile,
        )
