"""The 1-D residual encoder of RelCon."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._readout import READOUTS

# The stem has no padding, as published: a convolution of 7 and a pooling of 3, both with stride 2,
# need 11 time steps for one output. Shorter segments are padded with zeros to this length.
_MIN_TIMESTEPS = 11


class Conv1dAs2d(nn.Conv1d):
    """A convolution over time that is computed as a 2-D convolution of (n, channels, 1, time).

    PyTorch supports the "channels last" memory format, where the channels of a time step are
    adjacent in memory, only for 2-D data. It reduces the time of a training step by a third.

    Without a stride, the ends are padded with zeros to keep the length. With a stride there is no
    padding. ``padding="same"`` is not used because it warns and copies if the kernel size is even.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, 1, length) to (n, out_channels, 1, length) if the stride is 1."""
        n_padding = self.kernel_size[0] - 1 if self.stride == (1,) else 0
        if n_padding:
            x = F.pad(x, (n_padding // 2, n_padding - n_padding // 2))
        return F.conv2d(x, self.weight.unsqueeze(2), self.bias, stride=(1, *self.stride))


class PreActivationBlock(nn.Module):
    """Residual block of two times batch norm, ReLU and convolution (He et al., 2016)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        # No bias before a batch norm, which would subtract it again.
        self.conv1 = Conv1dAs2d(in_channels, out_channels, kernel_size, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = Conv1dAs2d(out_channels, out_channels, kernel_size)
        self.projection = (
            nn.Identity()
            if in_channels == out_channels
            else Conv1dAs2d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, 1, length) to (n, out_channels, 1, length)."""
        y = self.conv1(F.relu(self.bn1(x), inplace=True))
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        return y + self.projection(x)


class ResNet1D(nn.Module):
    """Pre-activation ResNet of RelCon, with statistics over time as its embedding.

    The stem (convolution of 7 with stride 2, batch norm, ReLU, max pooling of 3 with stride 2)
    divides the length by four, and the stages keep it. The default is the published encoder [1]_
    (3.6 M parameters for three channels). Segments can have any length from one time step.

    Parameters
    ----------
    n_channels : int
        Number of channels of the segments.
    n_blocks : sequence of int, default=(3, 4, 6)
        Number of residual blocks of each stage.
    widths : sequence of int, default=(64, 128, 256)
        Number of channels of each stage. The last is the number of features over time.
    kernel_sizes : sequence of int, default=(3, 4, 4)
        Kernel size of each stage.
    readout : {"mean", "mean_sd", "stages"}, default="mean"
        Statistics over time that are the embedding. "mean" is the mean of the last stage, as
        published. "mean_sd" is its mean and standard deviation, which measures how much a feature
        varies within the segment. "stages" is mean and standard deviation of every stage, the last
        stage first.

    Attributes
    ----------
    n_features : int
        Size of the embedding.
    n_map_features : int
        Number of features over time.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822
    """

    def __init__(
        self,
        n_channels: int,
        n_blocks: Sequence[int] = (3, 4, 6),
        widths: Sequence[int] = (64, 128, 256),
        kernel_sizes: Sequence[int] = (3, 4, 4),
        readout: str = "mean",
    ):
        super().__init__()
        self.readout = READOUTS[readout]
        self.n_map_features = widths[-1]
        self.n_features = self.readout.n_features(widths)
        self.stem_conv = Conv1dAs2d(n_channels, widths[0], 7, stride=2, bias=False)
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
        """Return the modules of each stage, from input to output.

        The stem is part of the first stage.
        """
        blocks = iter(self.blocks)
        stages = [[next(blocks) for _ in range(n)] for n in self._n_blocks]
        return [[self.stem_conv, self.stem_bn, *stages[0]], *stages[1:]]

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to embeddings (n, n_features)."""
        return self.readout(self._feature_maps(segments))

    def feature_map(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to features over time (n, n_map_features, n_steps).

        A step spans four time steps of the segment.
        """
        return self._feature_maps(segments)[-1]

    def _feature_maps(self, segments: Tensor) -> list[Tensor]:
        """Return the features over time after each stage."""
        n_missing = max(0, _MIN_TIMESTEPS - segments.shape[-1])
        x = F.pad(segments, (n_missing // 2, n_missing - n_missing // 2)).unsqueeze(2)
        x = self._convolve(x.contiguous(memory_format=torch.channels_last))
        x = F.max_pool2d(F.relu(self.stem_bn(x)), kernel_size=(1, 3), stride=(1, 2))
        maps, blocks = [], iter(self.blocks)
        for n in self._n_blocks:
            for block in itertools.islice(blocks, n):
                x = block(x)
            maps.append(x.squeeze(2))
        return maps

    def _convolve(self, x: Tensor) -> Tensor:
        """Return the convolution of the stem, which is in float32 except in training.

        In bfloat16, acceleration of about 1 g has a resolution of 4 mg. The sums of the blocks,
        which begin with this output, are then in float32 too, so that embeddings hardly depend on
        the precision. In training, float32 did not give better encoders.
        """
        if self.training or not torch.is_autocast_enabled(x.device.type):
            return self.stem_conv(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.stem_conv(x)
