"""The implementations that `bench_speed.py` compares, one for each row of its tables."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import paper_literal as literal
from relcon_sklearn import RandomAugmentations
from relcon_sklearn._batches import Batch, GroupIndex, SharedBatches
from relcon_sklearn._training import (
    Loss,
    MotifRanker,
    ranking_loss,
    reconstruction_loss,
)
from relcon_sklearn._utils._precision import gains_from_bfloat16
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D, relative_contrastive_loss
from relcon_sklearn.segments._array import SegmentArray

TEMPERATURE, LR = 0.1, 1e-3


# -- the inputs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """The inputs of every row: segments, and a distance if the part needs one."""

    segments: np.ndarray  # (n_anchors * (1 + n_within), n_timesteps, n_channels), by anchor
    n_anchors: int
    literal_candidates: int | None  # of each anchor, for literal rows; None for all
    net: MotifCrossAttention | None

    @cached_property
    def batch(self) -> Batch:
        """A batch of anchors with separate candidates, in the layout of the library's sampler."""
        rows = np.arange(len(self.segments)).reshape(self.n_anchors, -1)
        anchors = rows[:, 0].copy()
        between = np.tile(anchors, (self.n_anchors, 1))
        np.fill_diagonal(between, -1)
        candidates = np.sort(np.hstack([rows[:, 1:], between]), axis=1)
        return Batch(*map(torch.from_numpy, (self.segments, anchors, candidates)), seed=0)

    @cached_property
    def shared_batch(self) -> Batch:
        """A batch of the same segments in which each one is an anchor."""
        size = len(self.segments) // self.n_anchors
        index = GroupIndex.from_labels(np.arange(len(self.segments)) // size)
        array = SegmentArray(self.segments)
        return next(iter(SharedBatches(array, index, self.n_anchors, 0, size - 1)))

    @cached_property
    def n_pairs(self) -> int:
        """Number of pairs ranked in a step."""
        return int((self.batch.candidates >= 0).sum())

    def first_anchors(self, n: int) -> Batch:
        """Return the batch with its first `n` anchors only; all segments stay."""
        anchors, candidates = self.batch.anchors[:n], self.batch.candidates[:n]
        return self.batch._replace(anchors=anchors, candidates=candidates)

    def net_with(self, attention: str) -> MotifCrossAttention:
        """Return a copy of the distance. Its weights were trained with sparsemax."""
        net = deepcopy(self.net)
        net.attention = attention
        return net

    def new_encoder(self) -> ResNet1D:
        """Return an encoder with its initial weights, which are always the same."""
        torch.manual_seed(0)
        return ResNet1D(self.segments.shape[2]).train()


def random_batch(segments: np.ndarray, n: int, seed: int) -> Batch:
    """Return a batch of `n` segments, of the kind that trains the distance."""
    rows = np.random.default_rng(seed).permutation(len(segments))[:n]
    no_candidates = torch.empty(n, 0, dtype=torch.int64)
    return Batch(torch.from_numpy(segments[rows]), torch.arange(n), no_candidates, seed)


def train_distance(segments: np.ndarray, batch_size: int, n_steps: int) -> MotifCrossAttention:
    """Return a distance trained for `n_steps` on the segments."""
    torch.manual_seed(0)
    net = MotifCrossAttention(segments.shape[2]).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    loss = reconstruction_loss(RandomAugmentations())
    for seed in range(n_steps):
        take_step(net, random_batch(segments, batch_size, seed), optimizer, loss)
    return net.eval().requires_grad_(False)


def take_step(
    module: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, loss: Loss
) -> Tensor:
    """Take a training step as the library's engine does, and return the loss."""
    optimizer.zero_grad(set_to_none=True)
    value = loss(module, batch)
    value.backward()
    optimizer.step()
    return value.detach()


# -- implementations -------------------------------------------------------------------------------


class Work(NamedTuple):
    """The functions of a row, which together do `n_units` of work, and the weight of their times.

    If `same_batch`, the result of the last function is compared with the results of other rows. If
    `in_fit`, memory is kept from step to step, as within a fit, and each function is also called
    once before the clock starts.
    """

    calls: list[tuple[Callable[[], Tensor], float]]
    n_units: int
    in_fit: bool = False
    same_batch: bool = True


class NotAvailable(Exception):
    """Raised by a row that this machine cannot run, with the reason."""


def literal_ranking(setup: Setup, attention: str, fused: bool = False) -> Work:
    batch, net = setup.batch, setup.net_with(attention)
    if setup.literal_candidates is not None:
        # The same columns for all anchors, so that the number of pairs at a time is the same.
        candidates = batch.candidates.clone()
        candidates[:, : -setup.literal_candidates] = -1
        batch = batch._replace(candidates=candidates)
    factor = setup.n_pairs / int((batch.candidates >= 0).sum())
    return Work([(partial(literal.rank, net, batch, fused=fused), factor)], setup.n_pairs)


def library_ranking(setup: Setup, attention: str, bf16: bool = False, stride: int = 1) -> Work:
    ranker = library_ranker(setup, attention, bf16, stride)
    return Work([(partial(ranker, setup.batch), 1)], setup.n_pairs, in_fit=True)


def library_ranker(setup: Setup, attention: str, bf16: bool, stride: int) -> MotifRanker:
    if bf16:
        need_bfloat16()
    dtype = torch.bfloat16 if bf16 else torch.float32
    return MotifRanker(setup.net_with(attention), dtype, stride)


def forward_and_backward(
    setup: Setup, embed: Callable, bf16: bool = False, in_fit: bool = False
) -> Work:
    if bf16:
        need_bfloat16()
    encoder = setup.new_encoder()
    direction = torch.randn(len(setup.segments), encoder.n_features)

    def run():
        encoder.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            embeddings = embed(encoder, setup.batch.segments.transpose(1, 2))
        embeddings.backward(direction.to(embeddings.dtype))
        return embeddings.detach()

    return Work([(run, 1)], len(setup.segments), in_fit)


def loss_and_gradient(setup: Setup, loss: Callable) -> Work:
    torch.manual_seed(0)
    embeddings = torch.randn(len(setup.segments), 256, requires_grad=True)
    distances = torch.rand(setup.batch.candidates.shape)

    def run():
        embeddings.grad = None
        value = loss(embeddings, setup.batch, distances, TEMPERATURE)
        value.backward()
        return value.detach()

    return Work([(run, 1)], setup.n_anchors)


def literal_step(setup: Setup, attention: str, fused: bool = False) -> Work:
    net, encoder, batch = setup.net_with(attention), setup.new_encoder(), setup.batch
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    if setup.literal_candidates is None:
        step = partial(literal.step, encoder, net, batch, optimizer, fused=fused)
        return Work([(step, 1)], setup.n_anchors)
    # The ranking of some candidates, and the rest of the step, which is always complete.
    ranking = literal_ranking(setup, attention, fused)
    rest = partial(literal.encoder_step, encoder, batch, MotifRanker(net)(batch), optimizer)
    return Work([*ranking.calls, (rest, 1)], setup.n_anchors)


def library_step(
    setup: Setup, attention: str, bf16: bool = False, stride: int = 1, shared: bool = False
) -> Work:
    encoder = setup.new_encoder()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    dtype = torch.bfloat16 if bf16 else torch.float32
    ranker = library_ranker(setup, attention, bf16, stride)
    loss = ranking_loss(ranker, TEMPERATURE, dtype)
    start = deepcopy((encoder.state_dict(), optimizer.state_dict()))
    batch = setup.shared_batch if shared else setup.batch

    def step():
        # The first step again and again. Its loss is that of the first literal step.
        encoder.load_state_dict(start[0])
        optimizer.load_state_dict(deepcopy(start[1]))
        return take_step(encoder, batch, optimizer, loss)

    return Work([(step, 1)], len(batch.anchors), in_fit=True, same_batch=not shared)


def distance_step(setup: Setup, step: Callable) -> Work:
    net = setup.net_with("sparsemax").train().requires_grad_()
    batch = random_batch(setup.segments, setup.n_anchors, seed=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    return Work([(partial(step, net, batch, optimizer, RandomAugmentations()), 1)], setup.n_anchors)


def call(module: nn.Module, segments: Tensor) -> Tensor:
    return module(segments)


def library_loss(embeddings: Tensor, batch: Batch, distances: Tensor, temperature: float) -> Tensor:
    return relative_contrastive_loss(
        embeddings, batch.anchors, batch.candidates, distances, temperature
    )


def library_distance_step(net: nn.Module, batch: Batch, optimizer, augmentation) -> Tensor:
    return take_step(net, batch, optimizer, reconstruction_loss(augmentation))


def need_bfloat16() -> None:
    """Raise NotAvailable if this CPU would have to emulate bfloat16."""
    if not gains_from_bfloat16(torch.device("cpu")):
        raise NotAvailable("the CPU does not report instructions for bfloat16")


class SpeedRow(NamedTuple):
    """An implementation of the work of a part. `make` returns the Work for a Setup."""

    part: str
    name: str
    make: Callable[[Setup], Work]


SPARSEMAX, SOFTMAX = {"attention": "sparsemax"}, {"attention": "softmax"}
FUSED = SOFTMAX | {"fused": True}  # torch's fused attention, with which the released code ranks

BF16, STRIDE = {"bf16": True}, {"stride": 4}
# Ways to rank that parameters of the estimator choose.
VARIANTS = [
    ("library", {}),
    ("library, bfloat16", BF16),
    ("library, query_stride=4", STRIDE),
    ("library, bfloat16, query_stride=4", BF16 | STRIDE),
]


def variant_rows(
    part: str, make: Callable, attention: dict, name: str = "", **kwargs
) -> list[SpeedRow]:
    return [
        SpeedRow(part, variant + name, partial(make, **attention, **options, **kwargs))
        for variant, options in VARIANTS
    ]


# The other rows of a part are compared with its first row.
ROWS = [
    SpeedRow("ranking-sparsemax", "literal", partial(literal_ranking, **SPARSEMAX)),
    *variant_rows("ranking-sparsemax", library_ranking, SPARSEMAX),
    SpeedRow("ranking-softmax", "literal, fused attention", partial(literal_ranking, **FUSED)),
    SpeedRow("ranking-softmax", "literal, attention in full", partial(literal_ranking, **SOFTMAX)),
    *variant_rows("ranking-softmax", library_ranking, SOFTMAX),
    SpeedRow("encoder", "literal", partial(forward_and_backward, embed=literal.embed)),
    SpeedRow("encoder", "library", partial(forward_and_backward, embed=call, in_fit=True)),
    SpeedRow(
        "encoder",
        "library, bfloat16",
        partial(forward_and_backward, embed=call, bf16=True, in_fit=True),
    ),
    SpeedRow("loss", "literal", partial(loss_and_gradient, loss=literal.contrastive_loss)),
    SpeedRow("loss", "library", partial(loss_and_gradient, loss=library_loss)),
    SpeedRow("step-sparsemax", "literal", partial(literal_step, **SPARSEMAX)),
    *variant_rows("step-sparsemax", library_step, SPARSEMAX),
    *variant_rows("step-sparsemax", library_step, SPARSEMAX, name=", shared", shared=True),
    SpeedRow("reconstruction", "literal", partial(distance_step, step=literal.reconstruction_step)),
    SpeedRow("reconstruction", "library", partial(distance_step, step=library_distance_step)),
]

# The unit of work of each part.
PARTS = {
    "ranking-sparsemax": "pair",
    "ranking-softmax": "pair",
    "encoder": "segment",
    "loss": "anchor",
    "step-sparsemax": "anchor",
    "reconstruction": "segment",
    "agreement": None,
}
WITHOUT_DISTANCE = {"encoder", "loss"}


def rows_of(part: str) -> list[SpeedRow]:
    return [row for row in ROWS if row.part == part]
