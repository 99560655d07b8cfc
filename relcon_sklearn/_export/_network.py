"""The network that is exported, and its program."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.fx.experimental import _config as shape_config

# The input of the program, and the names of its dimensions that can have any size.
INPUT = "segments"
DIMENSIONS = {0: "n_segments", 1: "n_timesteps"}

# Size of the example that is traced. With one segment or few time steps, torch could take a size
# for a constant.
_N_SEGMENTS, _MIN_TIMESTEPS = 2, 32


class ExportedNetwork(nn.Module):
    """Encoder and head for segments as users have them, with time before channels.

    Parameters
    ----------
    encoder : nn.Module
        Encoder that maps (n, n_channels, n_timesteps) to (n, n_features).
    head : nn.Module
        Module that maps (n, n_features) to the outputs. It is small and computes in float32.
    dtype : torch.dtype
        Type of the weights and computations of the encoder, which is cast to it. If float32, the
        encoder stays as it is, also if parts of it have another type.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, dtype: torch.dtype):
        super().__init__()
        self.encoder = encoder if dtype == torch.float32 else encoder.to(dtype)
        self.head = head
        self.dtype = dtype

    def forward(self, segments: Tensor) -> Tensor:
        """Map float32 segments (n, n_timesteps, n_channels) to float32 outputs."""
        return self.head(self.encoder(segments.transpose(1, 2).to(self.dtype)).float())


def program_of(network: nn.Module, n_timesteps: int, n_channels: int) -> ExportedProgram:
    """Return the program of a network for any number of segments and time steps.

    Parameters
    ----------
    network : nn.Module
        Network that maps segments (n, n_timesteps, n_channels).
    n_timesteps : int
        Number of time steps that the network can take.
    n_channels : int
        Number of channels.
    """
    example = torch.zeros(_N_SEGMENTS, max(n_timesteps, _MIN_TIMESTEPS), n_channels)
    # The length after padding is max(n_timesteps, 11), for which torch cannot prove what its
    # operations need. So they are checked in the program, and, as in torch.onnx.export, a size of 1
    # is not treated differently from others.
    with torch.no_grad(), shape_config.patch(backed_size_oblivious=True):
        program = export(
            network.eval(),
            (example,),
            dynamic_shapes={INPUT: dict.fromkeys(DIMENSIONS, Dim.DYNAMIC)},
            prefer_deferred_runtime_asserts_over_guards=True,
        )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has the paths of this machine
    return program
