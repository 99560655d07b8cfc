"""Encoder architectures that can be selected by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

from ._pulse_ppg import PulsePPGEncoder
from ._resnet import ResNet1D


class EncoderPreset(NamedTuple):
    """Module class of an encoder, with its arguments other than ``n_channels``."""

    factory: Callable[..., nn.Module]
    settings: dict[str, Any]

    def make(self, n_channels: int) -> nn.Module:
        """Make the encoder for segments with `n_channels` channels."""
        return self.factory(n_channels=n_channels, **self.settings)


_STAGES = {"readout": "stages"}
_HALF_WIDTH = {"widths": (32, 64, 128)}

ENCODER_PRESETS = {
    "resnet34": EncoderPreset(ResNet1D, _STAGES),
    "resnet34-half": EncoderPreset(ResNet1D, {**_HALF_WIDTH, **_STAGES}),
    "resnet14-half": EncoderPreset(ResNet1D, {"n_blocks": (2, 2, 2), **_HALF_WIDTH, **_STAGES}),
    "relcon": EncoderPreset(ResNet1D, {}),
    "pulse-ppg": EncoderPreset(PulsePPGEncoder, {}),
}
"""Encoders by name.

- "resnet34" has the convolutions of the published encoder of RelCon (3.6 M parameters). Its
  embedding is the mean and the standard deviation over time of every stage (896 features).
- "resnet34-half" has half its width (0.9 M parameters, 448 features, a quarter of the computation).
- "resnet14-half" has half its width and depth (0.3 M parameters, 448 features, an eighth of the
  computation). A CPU trains it in minutes.
- "relcon" is the published encoder of RelCon (3.6 M parameters). Its embedding is the mean over
  time (256 features).
- "pulse-ppg" is the published encoder of Pulse-PPG (28.5 M parameters, 512 features).
"""

DEFAULT_ENCODER = "resnet14-half"
"""Encoder of an embedder unless it has another one."""


def encoder_preset(encoder: str | Callable[..., nn.Module]) -> EncoderPreset:
    """Return the preset of a name, or a preset for a callable with one argument, ``n_channels``."""
    return ENCODER_PRESETS[encoder] if isinstance(encoder, str) else EncoderPreset(encoder, {})


def draws_globally(encoder: nn.Module) -> bool:
    """Return whether training `encoder` may use torch's global random generators, as dropout does.

    This is known for the encoders of this package. It is assumed for all others, including
    subclasses.
    """
    if type(encoder) is ResNet1D:
        return False
    if type(encoder) is PulsePPGEncoder:
        return any(m.p > 0 for m in encoder.modules() if isinstance(m, nn.Dropout))
    return True
