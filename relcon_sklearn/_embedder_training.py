"""The parts of the training of a RelConEmbedder: distance, batches and loss."""

from __future__ import annotations

from ._batches import Batches, DeviceSegments, GroupIndex, SharedBatches
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import make_ranker
from ._training import Loss, ranking_loss
from ._utils._precision import dtype_of
from .segments._array import SegmentArray


class EmbedderTraining:
    """Methods of :class:`RelConEmbedder` that make the parts of its training."""

    def _distance(self):
        if self.distance is None:
            return LearnedMotifDistance(device=self.device, verbose=self.verbose)
        return self.distance

    def _batches(self, data: SegmentArray | DeviceSegments, part: GroupIndex, seed: int) -> Batches:
        kind = SharedBatches if self.candidates == "shared" else Batches
        return kind(data, part, self.batch_size, seed, self.n_within, self.n_between)

    def _training_loss(self) -> Loss:
        device = self._device()
        dtype = dtype_of(self.precision, device)
        return ranking_loss(
            make_ranker(self.distance_, device, dtype, self.query_stride),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=self.augmentation,
            compiled=self.compile,
        )
