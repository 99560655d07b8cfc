"""The released code of RelCon, run on the CPU from a checkout of it, unchanged.

The code is not part of this project. Its calls of ``.cuda()`` do nothing here, tensorboard is
replaced by an empty module if it is not installed, and progress bars are off.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.speed_rows import TEMPERATURE, Setup
from relcon_sklearn._training import MotifRanker
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D, relative_contrastive_loss
from relcon_sklearn.nn._released_networks import released_encoder, released_motif_attention

# The settings that were published with the code.
_DISTANCE = {"kernel_size": 15, "embed_dim": 64, "double_receptivefield": 2}
_STAGES = [(3, 64, 64, 3), (4, 64, 128, 4), (6, 128, 256, 4)]
_LR = 1e-6

# Columns of candidates whose distances are compared, of each kind.
_N_COLUMNS = 4


class ReleasedCode:
    """Networks and training step of the released code, with the published settings.

    Parameters
    ----------
    checkout : Path
        Folder of the released code. It has a folder ``relcon``.
    segments : ndarray of shape (n_anchors * (1 + n_within), n_timesteps, n_channels)
        Segments of a batch: each anchor is followed by its within-subject candidates.
    n_anchors : int
        Number of anchors.
    """

    def __init__(self, checkout: Path, segments: np.ndarray, n_anchors: int):
        step, distance, attention, resnet = _modules(checkout)
        n_channels = segments.shape[2]
        torch.manual_seed(0)
        sizes = {"query_dimsize": n_channels, "key_dimsize": n_channels}
        self._initial = {
            "distance": attention.Net(**sizes, **_DISTANCE),
            "encoder": resnet.Net(**_encoder_settings(n_channels)),
        }
        # Models without their constructors, which read checkpoints and data.
        motif = object.__new__(distance.Model)
        motif.net, motif.device = deepcopy(self._initial["distance"]), "cpu"
        motif.config = SimpleNamespace(query_dims=range(n_channels), key_dims=range(n_channels))
        self._model = object.__new__(step.Model)
        self._model.net = deepcopy(self._initial["encoder"])
        self._model.optimizer = torch.optim.Adam(self._model.net.parameters(), lr=_LR)
        self._model.motifdist = motif
        self._model.config = SimpleNamespace(tau=TEMPERATURE, encoder_dims=...)
        batch = torch.from_numpy(segments).view(n_anchors, -1, *segments.shape[1:])
        self._anchors, self._within = batch[:, 0].clone(), batch[:, 1:].clone()

    def step(self) -> float:
        """Take a training step, and return its loss."""
        batch = {"signal": self._anchors, "withinuser_cand_signals": self._within}
        with _on_cpu():
            return self._model.run_one_epoch([batch], train=True)[0]

    def distances(self) -> Tensor:
        """Return the distances of some candidates, (n_anchors, n_columns).

        The candidates are the next anchors, in turn, and then within-subject candidates.
        """
        columns = [self._anchors.roll(-k, 0) for k in range(1, 1 + _N_COLUMNS)]
        columns += self._within[:, :_N_COLUMNS].unbind(1)
        with _on_cpu():
            found = [self._model.motifdist.calc_distance(self._anchors, c) for c in columns]
        return torch.stack(found, dim=1)

    @torch.no_grad()
    def embeddings(self) -> Tensor:
        """Return the embeddings of the anchors by the encoder before any step."""
        return self._initial["encoder"].eval()(self._anchors.transpose(1, 2))

    def motif_net(self) -> MotifCrossAttention:
        """Return our network with the same weights, which ranks with softmax, as it does."""
        found = released_motif_attention(self._initial["distance"].state_dict())
        net = MotifCrossAttention(**found.settings, attention="softmax")
        net.load_state_dict(found.weights)
        return net.eval().requires_grad_(False)

    def encoder(self) -> ResNet1D:
        """Return our encoder with the weights before any step."""
        found = released_encoder(self._initial["encoder"].state_dict())
        encoder = ResNet1D(**found.settings)
        encoder.load_state_dict(found.weights)
        return encoder


def compare(released: ReleasedCode, setup: Setup) -> dict[str, float]:
    """Return how far results of this package are from those of the released code, relative to them.

    Distances are the largest difference, embeddings the norm. The first loss is that of a step in
    which anchors and candidates are embedded in two passes, as the released code does: batch norm
    has then the same statistics.
    """
    batch, encoder = setup.batch, released.encoder()
    anchors = batch.anchors
    columns = [anchors.roll(-k) for k in range(1, 1 + _N_COLUMNS)]
    n_within = len(setup.segments) // setup.n_anchors - 1
    columns += [anchors + k for k in range(1, 1 + min(_N_COLUMNS, n_within))]
    some = batch._replace(candidates=torch.stack(columns, dim=1))
    distances, expected = MotifRanker(setup.net)(some), released.distances()
    with torch.no_grad():
        z = encoder.eval()(batch.segments[anchors].transpose(1, 2))
        loss = _loss_of_two_passes(encoder.train(), setup)
    expected_z, expected_loss = released.embeddings(), released.step()
    return {
        "distances": ((distances - expected) / expected).abs().max().item(),
        "embeddings": ((z - expected_z).norm() / expected_z.norm()).item(),
        "first loss": abs(loss / expected_loss - 1),
    }


def _loss_of_two_passes(encoder: ResNet1D, setup: Setup) -> float:
    batch = setup.batch
    is_anchor = torch.zeros(len(batch.segments), dtype=torch.bool)
    is_anchor[batch.anchors] = True
    z = batch.segments.new_empty(len(batch.segments), encoder.n_features)
    for rows in (is_anchor, ~is_anchor):
        z[rows] = encoder(batch.segments[rows].transpose(1, 2))
    distances = MotifRanker(setup.net)(batch)
    loss = relative_contrastive_loss(z, batch.anchors, batch.candidates, distances, TEMPERATURE)
    return loss.item()


def _modules(checkout: Path) -> tuple[ModuleType, ...]:
    """Import the modules of a checkout: the step, the distance, its network, and the encoder."""
    if not (checkout / "relcon" / "models" / "RelCon" / "RelCon_Model.py").is_file():
        raise SystemExit(
            f"{checkout} is not a checkout of the released code of RelCon: it has no file "
            "relcon/models/RelCon/RelCon_Model.py. Pass the folder that has the folder relcon."
        )
    _replace_tensorboard()
    sys.path.insert(0, str(checkout))
    try:
        names = ("models.RelCon.RelCon_Model", "models.MotifDist.MotifDist_Model")
        names += ("nets.CrossAttn.CrossAttn_Net", "nets.ResNet1D.ResNet1D_Net")
        modules = tuple(importlib.import_module(f"relcon.{name}") for name in names)
    finally:
        sys.path.remove(str(checkout))
    modules[0].tqdm = lambda batches, **options: batches
    return modules


def _replace_tensorboard() -> None:
    """Make an import of tensorboard succeed, which writes logs of trainings."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        stub = ModuleType("torch.utils.tensorboard")
        stub.SummaryWriter = None
        sys.modules[stub.__name__] = stub


@contextmanager
def _on_cpu() -> Iterator[None]:
    """Let ``.cuda()`` return tensors and modules where they are."""

    def stay(value, *args, **kwargs):
        return value

    with mock.patch.object(Tensor, "cuda", stay), mock.patch.object(nn.Module, "cuda", stay):
        yield


def _encoder_settings(n_channels: int) -> dict:
    keys = ("n", "in_channels", "base_filters", "kernel_size")
    return {
        "finalpool": "avg",
        "init_conv": {
            "in_channels": n_channels,
            "base_filters": 64,
            "kernel_size": 7,
            "stride": 2,
            "padding": 0,
        },
        "init_maxpool": {"kernel_size": 3, "stride": 2},
        "blocks": [dict(zip(keys, stage, strict=True), stride=1) for stage in _STAGES],
    }
