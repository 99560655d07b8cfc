"""The 1-D residual encoder of Pulse-PPG, a model for pulse waves that is related to RelCon."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# As published: every second block halves the length, and every fourth block except the first
# doubles the width. Neither is a parameter: strides cannot be inferred from released weights.
_HALVES_EVERY = 2
_DOUBLES_EVERY = 4

# Added to the variance of a segment before its square root is taken.
_EPS = 1e-5


class SameConv1d(nn.Conv1d):
    """A convolution over time that is padded with zeros to ``ceil(length / stride)`` outputs.

    If the number of zeros is odd, the end gets one more than the start.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, length) to (n, out_channels, ceil(length / stride))."""
        stride, length = self.stride[0], x.shape[-1]
        n_padding = max(0, (-(-length // stride) - 1) * stride + self.kernel_size[0] - length)
        x = F.pad(x, (n_padding // 2, n_padding - n_padding // 2))
        return F.conv1d(x, self.weight, self.bias, stride=stride)


class PooledSkipBlock(nn.Module):
    """Residual block of two times batch norm, ReLU, dropout and convolution.

    The skip connection has no weights. It pools the input if the convolutions halve the length, and
    pads its channels with zeros on both sides if they increase the number of channels.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of channels.
    kernel_size : int
        Kernel size of both convolutions.
    stride : int
        Stride of the first convolution.
    dropout : float
        Fraction of the inputs of a convolution that is dropped in training.
    is_first : bool
        Whether this is the first block. Its input is already normalised and rectified by the stem,
        so that its first convolution uses it unmodified.
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
        # No bias before a batch norm, which would subtract it again.
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
            # The maximum includes the zeros at the end, as published.
            x = F.max_pool1d(F.pad(x, (0, -x.shape[-1] % stride)), stride)
        n_new = n_channels - x.shape[1]
        return F.pad(x, (0, 0, n_new // 2, n_new - n_new // 2)) if n_new else x


class PulsePPGEncoder(nn.Module):
    """Pre-activation ResNet of Pulse-PPG, which takes the maximum of its features over time.

    Segments are first normalised per channel to mean 0 and standard deviation 1. Every second block
    halves the length, and every fourth block except the first doubles the width. The default is the
    published encoder of pulse waves [1]_ (28.5 M parameters for one channel, 512 features).
    Segments can have any length from one time step.

    Parameters
    ----------
    n_channels : int
        Number of channels of the segments. The published encoder has 1.
    width : int, default=128
        Number of channels of the first four blocks.
    n_blocks : int, default=12
        Number of residual blocks.
    kernel_size : int, default=11
        Kernel size of the convolutions.
    dropout : float, default=0.5
        Fraction of the inputs of the blocks' convolutions that is dropped in training. As
        published, the first convolution of the first block has no dropout. It is drawn from torch's
        global generators.

    Attributes
    ----------
    n_features : int
        Size of the embedding, which is the width of the last block.

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
        """Return the number of channels of each block, which is `width` for the first four."""
        return [width * 2 ** (i // _DOUBLES_EVERY) for i in range(n_blocks)]

    def stages(self) -> list[list[nn.Module]]:
        """Return the modules of each stage, the blocks of one width.

        The stem is part of the first stage.
        """
        starts = range(0, len(self.blocks), _DOUBLES_EVERY)
        stages = [list(self.blocks[i : i + _DOUBLES_EVERY]) for i in starts]
        return [[self.stem_conv, self.stem_bn, *stages[0]], *stages[1:]]

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to embeddings (n, n_features)."""
        return self.feature_map(segments).amax(dim=2)

    def feature_map(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to features over time (n, n_features, n_steps).

        With 12 blocks, a step spans 64 time steps of the segment. The embedding is the maximum of
        the features over the steps.
        """
        variance, mean = torch.var_mean(segments, dim=2, keepdim=True, unbiased=False)
        x = self.stem_conv((segments - mean) / (variance + _EPS).sqrt())
        return self.blocks(F.relu(self.stem_bn(x)))
