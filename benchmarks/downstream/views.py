"""Augmentations of views that stand for other devices: noisier ones and slower ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from relcon_sklearn.augmentations import (
    ChannelShuffle,
    Negation,
    RandomAugmentations,
    Rotation,
    default_augmentations,
)


@dataclass(frozen=True)
class Noise:
    """Add Gaussian noise to a share of the segments.

    The standard deviation of a segment is drawn between the limits, in g, evenly in its logarithm.
    """

    share: float = 0.5
    smallest: float = 0.003
    largest: float = 0.1

    def __call__(self, segments: Tensor, generator: torch.Generator) -> Tensor:
        """Return new segments."""
        chosen, level = torch.rand(2, len(segments), 1, 1, generator=generator)
        scale = self.smallest * (self.largest / self.smallest) ** level
        noise = torch.randn(segments.shape, generator=generator)
        return segments + (chosen < self.share) * scale * noise


@dataclass(frozen=True)
class LowerRate:
    """Keep only the frequencies that slower devices have, in a share of the segments.

    The sampling rate of the slower device is drawn between the limits. Rates are in Hz.
    """

    share: float = 0.5
    lowest: float = 12.5
    highest: float = 50.0
    rate: float = 50.0

    def __call__(self, segments: Tensor, generator: torch.Generator) -> Tensor:
        """Return new segments."""
        chosen, level = torch.rand(2, len(segments), 1, 1, generator=generator)
        highest = (self.lowest + level * (self.highest - self.lowest)) / 2
        n = segments.shape[1]
        # The mirrored segment has the same value at both ends.
        spectrum = torch.fft.rfft(torch.cat([segments, segments.flip(1)], dim=1), dim=1)
        frequency = torch.fft.rfftfreq(2 * n, 1 / self.rate)[:, None]
        slower = torch.fft.irfft(spectrum * (frequency <= highest), 2 * n, dim=1)[:, :n]
        return torch.where(chosen < self.share, slower, segments)


@dataclass(frozen=True)
class Chain:
    """Apply augmentations one after the other."""

    steps: tuple[Callable, ...]

    def __call__(self, segments: Tensor, generator: torch.Generator) -> Tensor:
        """Return new segments."""
        for step in self.steps:
            segments = step(segments, generator)
        return segments


VIEWS = RandomAugmentations()
ONE = RandomAugmentations(n_applied=1)
THREE = RandomAugmentations(n_applied=3)
NOISY = Chain((VIEWS, Noise()))
SLOWER = Chain((VIEWS, LowerRate()))
WITH_AXES = RandomAugmentations(  # the directions of the axes stay
    [a for a in default_augmentations() if not isinstance(a, (Rotation, Negation, ChannelShuffle))]
)
