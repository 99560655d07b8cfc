"""The convolutional network that turns a segment into query, key or value features."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def activate(x: Tensor) -> Tensor:
    """Apply GELU, then normalise every channel of every segment over time."""
    x = F.gelu(x)
    if x.shape[-1] == 1:
        # A single value equals its mean. torch raises an error for it.
        return torch.zeros_like(x)
    return F.instance_norm(x)


Activation = Callable[[Tensor], Tensor]


class EdgeScaledConv1d(nn.Conv1d):
    """A "same" convolution that scales up outputs near the edges to compensate for the padding.

    With zero padding, an output near an edge sums over fewer than ``kernel_size`` real samples. It
    is multiplied by ``kernel_size / n_real_taps``. This is a partial convolution [1]_ without a
    mask, and equals the first layer of the published network.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels.
    kernel_size : int
        Odd kernel size.

    References
    ----------
    .. [1] Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions",
       ECCV 2018.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)

    def edge_scale(self, n_timesteps: int) -> Tensor:
        """Return the factor of each output, shape (n_timesteps,)."""
        half = self.kernel_size[0] // 2
        time = torch.arange(n_timesteps, device=self.weight.device)
        n_real_taps = time.clamp(max=half) + 1 + (n_timesteps - 1 - time).clamp(max=half)
        return self.kernel_size[0] / n_real_taps.to(self.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, n_timesteps) to (n, out_channels, n_timesteps)."""
        y = F.conv1d(x, self.weight, padding=self.padding)
        return torch.addcmul(self.bias[:, None], y, self.edge_scale(x.shape[-1]))


class DilatedBottleneck(nn.Module):
    """Residual block: 1x1 convolution to a bottleneck, dilated convolution back, GELU, norm."""

    def __init__(self, embed_dim: int, bottleneck_dim: int, kernel_size: int, dilation: int):
        super().__init__()
        self.squeeze = nn.Conv1d(embed_dim, bottleneck_dim, 1)
        self.dilated = nn.Conv1d(
            bottleneck_dim,
            embed_dim,
            kernel_size,
            dilation=dilation,
            padding=dilation * (kernel_size - 1) // 2,
        )

    def forward(
        self, x: Tensor, activation: Activation = activate, spacing: int = 1, stride: int = 1
    ) -> Tensor:
        """Map (n, embed_dim, length) to (n, embed_dim, ceil(length / stride)).

        `x` holds every `spacing`-th time step of the segment, where `spacing` divides the dilation.
        Every `stride`-th time step of `x` is computed.
        """
        # A 1x1 convolution as a matrix product, which is twice as fast on a CPU.
        narrow = self.squeeze.weight[:, :, 0] @ x + self.squeeze.bias[:, None]
        dilation = self.dilated.dilation[0] // spacing
        wide = F.conv1d(
            narrow,
            self.dilated.weight,
            self.dilated.bias,
            stride=stride,
            dilation=dilation,
            padding=dilation * (self.dilated.kernel_size[0] // 2),
        )
        return activation(x[..., ::stride] + wide)


class DilatedConvNet(nn.Module):
    """Network that computes features of every time step of a segment, at several time scales.

    An edge-scaled convolution to `embed_dim` channels is followed by `n_layers` residual bottleneck
    blocks with dilations 1, 2, 4, ... A GELU and an instance normalisation follow each of them.

    Parameters
    ----------
    n_channels : int
        Number of channels of the segments.
    embed_dim : int, default=64
        Number of features per time step. The bottleneck has ``max(1, embed_dim // 8)`` features.
    kernel_size : int, default=15
        Odd kernel size of all convolutions except the 1x1 convolutions.
    n_layers : int, default=2
        Number of residual blocks.
    """

    def __init__(
        self, n_channels: int, embed_dim: int = 64, kernel_size: int = 15, n_layers: int = 2
    ):
        super().__init__()
        self.stem = EdgeScaledConv1d(n_channels, embed_dim, kernel_size)
        bottleneck_dim = max(1, embed_dim // 8)
        self.blocks = nn.ModuleList(
            DilatedBottleneck(embed_dim, bottleneck_dim, kernel_size, dilation=2**i)
            for i in range(n_layers)
        )

    def forward(self, segments: Tensor, activation: Activation = activate) -> Tensor:
        """Map (n, n_channels, n_timesteps) to features (n, embed_dim, n_timesteps).

        `activation` may be a faster implementation of :func:`activate`.
        """
        return self.after_stem(self.stem(segments), activation)

    def after_stem(self, x: Tensor, activation: Activation = activate, stride: int = 1) -> Tensor:
        """Continue from the output of the stem convolution, before its activation.

        With `stride` > 1, only every `stride`-th time step is computed. Each block skips the time
        steps that neither the output nor the taps of the next block need. The features are then
        approximate, because normalisations are over the remaining time steps.
        """
        x, spacing = activation(x), 1
        for i, block in enumerate(self.blocks):
            step = stride // spacing
            if i + 1 < len(self.blocks):
                step = math.gcd(step, self.blocks[i + 1].dilated.dilation[0] // spacing)
            x = block(x, activation, spacing, step)
            spacing *= step
        return x[..., :: stride // spacing]
