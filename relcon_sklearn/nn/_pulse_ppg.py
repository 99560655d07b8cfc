"""The 1-D residual encoder of Pulse-PPG, the sister model of RelCon's for pulse waves."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# As published: every second block halves the length, and every fourth but the first doubles the
# width. Weights do not show the former, so it is no choice.
_HALVES_EVERY = 2
_DOUBLES_EVERY = 4

# Of the variance of a segment, under the root it is divided by.
_EPS = 1e-5


class SameConv1d(nn.Conv1d):
    """A convolution over time padded with zeros to ``ceil(length / stride)`` outputs.

    An odd number of zeros has the larger half at the end.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, length) to (n, out_channels, ceil(length / stride))."""
        stride, length = self.stride[0], x.shape[-1]
        n_more = max(0, (-(-length // stride) - 1) * stride + self.kernel_size[0] - length)
        x = F.pad(x, (n_more // 2, n_more - n_more // 2))
        return F.conv1d(x, self.weight, self.bias, stride=stride)


class PooledSkipBlock(nn.Module):
    """Batch norm, ReLU, dropout, convolution, twice, added to the input.

    What is added has no weights: the input is pooled where the convolutions halve the length, and
    given channels of zeros, on either side of its own, where they widen it.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels.
    kernel_size : int
        Kernel size of both convolutions.
    stride : int
        Stride of the first.
    dropout : float
        Fraction of the inputs of a convolution that is dropped in training.
    is_first : bool
        Whether the input comes normalised and rectified from the stem, and is taken as it is.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        dropout: float,
        is_first: bool,
    ):
        super().__init__()
        self.bn1 = None if is_first else nn.BatchNorm1d(in_channels)
        # No bias ahead of a batch norm, which would subtract it again.
        self.conv1 = SameConv1d(in_channels, out_channels, kernel_size, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm1d(out_channels)
        self.conv2 = SameConv1d(out_channels, out_channels, kernel_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, length) to (n, out_channels, ceil(length / stride))."""
        y = x if self.bn1 is None else self.dropout(F.relu(self.bn1(x)))
        y = self.conv1(y)
        y = self.conv2(self.dropout(F.relu(self.bn2(y))))
        return y + self._skip(x, n_channels=y.shape[1])

    def _skip(self, x: Tensor, n_channels: int) -> Tensor:
        stride = self.conv1.stride[0]
        if stride > 1:
            # The zeros at the end take part in the maximum, as published.
            x = F.max_pool1d(F.pad(x, (0, -x.shape[-1] % stride)), stride)
        n_more = n_channels - x.shape[1]
        return F.pad(x, (0, 0, n_more // 2, n_more - n_more // 2)) if n_more else x


class PulsePPGEncoder(nn.Module):
    """Pre-activation ResNet over time that takes the maximum of its features: Pulse-PPG's encoder.

    Segments are normalised per channel to mean 0 and deviation 1 first. Every second block halves
    the length, every fourth doubles the width. The default is the published encoder of pulse waves
    [1]_ (28.5 M parameters for one channel, 512 features). Any length from one time step works.

    Parameters
    ----------
    n_channels : int
        Channels of the segments; as published 1.
    width : int, default=128
        Channels of the first four blocks.
    n_blocks : int, default=12
        Number of residual blocks.
    kernel_size : int, default=11
        Kernel size of the convolutions.
    dropout : float, default=0.5
        Fraction of the inputs of the blocks' convolutions that is dropped in training, those of
        the very first excepted; as published. Drawn from torch's global generators.

    Attributes
    ----------
    n_features : int
        Size of the embedding: the width of the last block.

    References
    ----------
    .. [1] Saha et al., "Pulse-PPG: An Open-Source Field-Trained PPG Foundation Model for Wearable
       Applications Across Lab and Field Settings", 2025. arXiv:2502.01108
    """

    def __init__(
        self,
        n_channels: int,
        width: int = 128,
        n_blocks: int = 12,
        kernel_size: int = 11,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.stem_conv = SameConv1d(n_channels, width, kernel_size, bias=False)
        self.stem_bn = nn.BatchNorm1d(width)
        widths = self.widths(width, n_blocks)
        self.blocks = nn.Sequential(
            *(
                PooledSkipBlock(
                    in_channels=widths[max(0, i - 1)],
                    out_channels=widths[i],
                    kernel_size=kernel_size,
                    stride=2 if i % _HALVES_EVERY == _HALVES_EVERY - 1 else 1,
                    dropout=dropout,
                    is_first=i == 0,
                )
                for i in range(n_blocks)
            )
        )
        self.n_features = widths[-1]

    @staticmethod
    def widths(width: int, n_blocks: int) -> list[int]:
        """Return the channels of each block, where the first ones have `width`."""
        return [width * 2 ** (i // _DOUBLES_EVERY) for i in range(n_blocks)]

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage, the blocks of one width; the stem is of the first."""
        starts = range(0, len(self.blocks), _DOUBLES_EVERY)
        stages = [list(self.blocks[i : i + _DOUBLES_EVERY]) for i in starts]
        return [[self.stem_conv, self.stem_bn, *stages[0]], *stages[1:]]

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to embeddings (n, n_features)."""
        return self.feature_map(segments).amax(dim=2)

    def feature_map(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to features over time (n, n_features, n_steps).

        With twelve blocks a step is 64 time steps of the segment. Their maximum is the embedding.
        """
        variance, mean = torch.var_mean(segments, dim=2, keepdim=True, unbiased=False)
        x = self.stem_conv((segments - mean) / (variance + _EPS).sqrt())
        return self.blocks(F.relu(self.stem_bn(x)))
