"""The 1-D residual encoder of RelCon."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The stem is unpadded, as published: a convolution of 7 and a pooling of 3, both of stride 2, need
# 11 time steps for one output. Shorter segments are padded with zeros up to that.
_SHORTEST = 11


class SpreadConv1d(nn.Conv1d):
    """A convolution over time of (n, channels, 1, time): what PyTorch calls two-dimensional.

    Only for two-dimensional data do its operations know memory in which the channels of a time
    step lie side by side ("channels last"), which takes a third off the time of a training step.

    Its ends are padded with zeros to keep the length, but for a stride, where they are not. A
    ``padding="same"`` keeps it too, but warns and copies when the kernel is even.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, 1, length) to (n, out_channels, 1, length)."""
        n_more = self.kernel_size[0] - 1 if self.stride == (1,) else 0
        if n_more:
            x = F.pad(x, (n_more // 2, n_more - n_more // 2))
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, stride=(1, *self.stride))


class PreActivationBlock(nn.Module):
    """Batch norm, ReLU, convolution, twice, added to the input (He et al., 2016)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        # No bias ahead of a batch norm, which would subtract it again.
        self.conv1 = SpreadConv1d(in_channels, out_channels, kernel_size, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = SpreadConv1d(out_channels, out_channels, kernel_size)
        self.projection = (
            nn.Identity()
            if in_channels == out_channels
            else SpreadConv1d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, 1, length) to (n, out_channels, 1, length)."""
        y = self.conv1(F.relu(self.bn1(x), inplace=True))
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        return y + self.projection(x)


class ResNet1D(nn.Module):
    """Pre-activation ResNet over time that averages its features to one embedding.

    A stem (convolution of 7 with stride 2, batch norm, ReLU, max pooling of 3 with stride 2)
    divides the length by four; the stages then keep it. The default is the published encoder
    (3.6 M parameters for three channels). Any length from one time step works.

    Parameters
    ----------
    n_channels : int
        Channels of the segments.
    n_blocks : sequence of int, default=(3, 4, 6)
        Residual blocks per stage.
    widths : sequence of int, default=(64, 128, 256)
        Channels of each stage; the last is the size of the embedding.
    kernel_sizes : sequence of int, default=(3, 4, 4)
        Kernel size of each stage.

    Attributes
    ----------
    n_features : int
        Size of the embedding.
    """

    def __init__(
        self,
        n_channels: int,
        n_blocks: Sequence[int] = (3, 4, 6),
        widths: Sequence[int] = (64, 128, 256),
        kernel_sizes: Sequence[int] = (3, 4, 4),
    ):
        super().__init__()
        self.n_features = widths[-1]
        self.stem_conv = SpreadConv1d(n_channels, widths[0], 7, stride=2, bias=False)
        self.stem_bn = nn.BatchNorm2d(widths[0])
        self._n_blocks = tuple(n_blocks)
        blocks: list[nn.Module] = []
        width = widths[0]
        for n, next_width, kernel_size in zip(n_blocks, widths, kernel_sizes, strict=True):
            for _ in range(n):
                blocks.append(PreActivationBlock(width, next_width, kernel_size))
                width = next_width
        self.blocks = nn.Sequential(*blocks)

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage, from input to output; the stem is part of the first."""
        blocks = iter(self.blocks)
        stages = [[next(blocks) for _ in range(n)] for n in self._n_blocks]
        return [[self.stem_conv, self.stem_bn, *stages[0]], *stages[1:]]

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to embeddings (n, n_features)."""
        return self.feature_map(segments).mean(dim=2)

    def feature_map(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to features over time (n, n_features, n_steps).

        A step is four time steps of the segment. Their mean is the embedding.
        """
        n_missing = max(0, _SHORTEST - segments.shape[-1])
        x = F.pad(segments, (n_missing // 2, n_missing - n_missing // 2)).unsqueeze(2)
        x = self.stem_conv(x.contiguous(memory_format=torch.channels_last))
        x = F.max_pool2d(F.relu(self.stem_bn(x)), kernel_size=(1, 3), stride=(1, 2))
        return self.blocks(x).squeeze(2)
