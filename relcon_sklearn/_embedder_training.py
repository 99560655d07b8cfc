"""The parts of the training of a RelConEmbedder: distance, batches and loss."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

from torch import nn

from ._batches import Batches, DeviceSegments, GroupIndex, SharedBatches
from ._feature_distance import FeatureDistance
from ._files._recipes import Recipe
from ._motif_distance import LearnedMotifDistance
from ._ranking_distance import make_ranker
from ._training import FeatureLoss, Loss, ranking_loss
from ._utils._precision import dtype_of
from .augmentations import RandomAugmentations
from .nn._heads import PretrainingNet, make_projection, make_regression
from .segments._array import SegmentArray


def with_heads(
    encoder: nn.Module,
    n_features: int,
    widths: Sequence[int] | None,
    n_outputs: int | None,
    seed: int,
) -> PretrainingNet:
    """Return an encoder with heads for training.

    Parameters
    ----------
    encoder : nn.Module
        The encoder.
    n_features : int
        Size of its embeddings.
    widths : sequence of int or None
        Widths of the projection head. If None or empty, there is none.
    n_outputs : int or None
        Number of outputs of the regression head. If None, there is none.
    seed : int
        Seed of the weights of the heads.
    """
    heads = {}
    if widths:
        arguments = {"n_features": n_features, "widths": tuple(widths)}
        heads["projection"] = Recipe(make_projection, arguments).make(seed)
    if n_outputs is not None:
        arguments = {"n_features": n_features, "n_outputs": n_outputs}
        heads["regression"] = Recipe(make_regression, arguments).make(seed)
    return PretrainingNet(encoder, **heads)


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
        given = isinstance(distance, FeatureDistance)
        if given or self.feature_weight > 0:
            features = distance if given else FeatureDistance(self.sampling_rate)
            rate = features._rate_after_fit(array.sampling_rate)
            fingerprint["sampling_rate of the features"] = rate
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

    def _features_to_predict(self, array: SegmentArray) -> FeatureDistance | None:
        """Return the features that the second loss predicts, or None without that loss."""
        if self.feature_weight == 0:
            return None
        if isinstance(self.distance_, FeatureDistance):
            return self.distance_
        return FeatureDistance(self.sampling_rate_).fit(array)

    def _with_heads(self, features: FeatureDistance | None, seed: int) -> nn.Module:
        """Return the encoder with the heads of its pretraining, as a module to train."""
        if not self.projection and features is None:
            return self.encoder_
        n_outputs = None if features is None else len(features.scale_)
        return with_heads(self.encoder_, self._n_features_out, self.projection, n_outputs, seed)

    def _augmentation(self):
        return RandomAugmentations() if isinstance(self.augmentation, str) else self.augmentation

    def _training_loss(self, features: FeatureDistance | None) -> Loss:
        device = self._device()
        dtype = dtype_of(self.precision, device)
        auxiliary = None
        if features is not None:
            auxiliary = FeatureLoss(features._describe, self.feature_weight)
        return ranking_loss(
            make_ranker(self.distance_, device, dtype, self.query_stride),
            self.temperature,
            dtype,
            n_positives=self.n_positives,
            augmentation=self._augmentation(),
            auxiliary=auxiliary,
            compiled=self.compile,
        )
