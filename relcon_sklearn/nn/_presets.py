"""Encoders by name, and whether training one draws from torch's global generators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from ._pulse_ppg import PulsePPGEncoder
from ._resnet import ResNet1D


class EncoderPreset(NamedTuple):
    """How an encoder is made: a module class, and its arguments beside ``n_channels``."""

    factory: Callable[..., nn.Module]
    settings: dict[str, Any]

    def make(self, n_channels: int) -> nn.Module:
        """Make the encoder for segments of `n_channels` channels."""
        return self.factory(n_channels=n_channels, **self.settings)


ENCODER_PRESETS = {
    "resnet34": EncoderPreset(ResNet1D, {}),
    "resnet34-half": EncoderPreset(ResNet1D, {"widths": (32, 64, 128)}),
    "resnet14-half": EncoderPreset(ResNet1D, {"n_blocks": (2, 2, 2), "widths": (32, 64, 128)}),
    "pulse-ppg": EncoderPreset(PulsePPGEncoder, {}),
}
"""Encoders by name: RelCon's published one, one of half its width (0.9 M parameters, a quarter of
the work), one of half its depth too (0.3 M, an eighth), which a CPU trains in minutes, and
Pulse-PPG's published one (28.5 M)."""


def encoder_preset(encoder: str | Callable[..., nn.Module]) -> EncoderPreset:
    """Return the preset of a name, or one of a callable that takes ``n_channels`` alone."""
    return ENCODER_PRESETS[encoder] if isinstance(encoder, str) else EncoderPreset(encoder, {})


def draws_globally(encoder: nn.Module) -> bool:
    """Whether training `encoder` may draw from torch's global generators, as dropout does.

    Known of our own encoders, and presumed of any other, subclasses included.
    """
    if type(encoder) is ResNet1D:
        return False
    if type(encoder) is PulsePPGEncoder:
        return any(m.p > 0 for m in encoder.modules() if isinstance(m, nn.Dropout))
    return True
