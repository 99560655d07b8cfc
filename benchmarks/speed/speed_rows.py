"""The ways to do the work of RelCon that `bench_speed.py` times: a row each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import paper_literal as literal
import torch
from torch import Tensor, nn

from relcon_sklearn import RandomAugmentations, RelConEmbedder
from relcon_sklearn._batches import Batch, GroupIndex, SharedBatches
from relcon_sklearn._training import (
    CompiledCall,
    Loss,
    MotifRanker,
    ranking_loss,
    reconstruction_loss,
)
from relcon_sklearn._utils._precision import gains_from_bfloat16
from relcon_sklearn.nn import MotifCrossAttention, ResNet1D, relative_contrastive_loss
from relcon_sklearn.segments._array import SegmentArray

TEMPERATURE, LR = 0.1, 1e-3


# -- what is worked on -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """What every row starts from: segments, and a distance where the part needs one."""

    segments: np.ndarray  # (n_anchors * (1 + n_within), n_timesteps, n_channels), by anchor
    n_anchors: int
    literal_candidates: int | None  # of each anchor that literal rows rank; None is all
    net: MotifCrossAttention | None

    @cached_property
    def batch(self) -> Batch:
        """Anchors with candidates of their own, in the layout of `relcon_sklearn.segments`."""
        rows = np.arange(len(self.segments)).reshape(self.n_anchors, -1)
        anchors = rows[:, 0].copy()
        between = np.tile(anchors, (self.n_anchors, 1))
        np.fill_diagonal(between, -1)
        candidates = np.sort(np.hstack([rows[:, 1:], between]), axis=1)
        return Batch(*map(torch.from_numpy, (self.segments, anchors, candidates)), seed=0)

    @cached_property
    def shared_batch(self) -> Batch:
        """The same segments, each of them an anchor."""
        size = len(self.segments) // self.n_anchors
        index = GroupIndex.from_labels(np.arange(len(self.segments)) // size)
        array = SegmentArray(self.segments)
        return next(iter(SharedBatches(array, index, self.n_anchors, 0, size - 1)))

    @cached_property
    def n_pairs(self) -> int:
        """Number of pairs that are ranked in a step."""
        return int((self.batch.candidates >= 0).sum())

    def first_anchors(self, n: int) -> Batch:
        """Return the batch without all but `n` of the anchors; all segments stay."""
        anchors, candidates = self.batch.anchors[:n], self.batch.candidates[:n]
        return self.batch._replace(anchors=anchors, candidates=candidates)

    def net_with(self, attention: str) -> MotifCrossAttention:
        """Return a copy of the distance, whose weights were trained with sparsemax."""
        net = copy.deepcopy(self.net)
        net.attention = attention
        return net

    def new_encoder(self) -> ResNet1D:
        """Return an encoder as initialised, always the same."""
        torch.manual_seed(0)
        return ResNet1D(self.segments.shape[2]).train()


def some_segments(segments: np.ndarray, n: int, seed: int) -> Batch:
    """Return `n` of the segments as the distance trains on them."""
    rows = np.random.default_rng(seed).permutation(len(segments))[:n]
    nobody = torch.empty(n, 0, dtype=torch.int64)
    return Batch(torch.from_numpy(segments[rows]), torch.arange(n), nobody, seed)


def train_distance(segments: np.ndarray, batch_size: int, n_steps: int) -> MotifCrossAttention:
    """Return a distance that has seen some of the segments."""
    torch.manual_seed(0)
    net = MotifCrossAttention(segments.shape[2]).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    loss = reconstruction_loss(RandomAugmentations())
    for seed in range(n_steps):
        train(net, some_segments(segments, batch_size, seed), optimizer, loss)
    return net.eval().requires_grad_(False)


def train(module: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, loss: Loss) -> Tensor:
    """Take a step as the library's engine does."""
    optimizer.zero_grad(set_to_none=True)
    value = loss(module, batch)
    value.backward()
    optimizer.step()
    return value.detach()


# -- ways to do it ---------------------------------------------------------------------------------


class Work(NamedTuple):
    """What a row does `n_units` of work by: functions, and how often each counts in the time.

    The result of the last one is compared with that of other rows, if the work is on the same
    batch. With `in_fit`, it is done as
    within a fit, which keeps memory from step to step: once before the clock starts, too.
    """

    calls: list[tuple[Callable[[], Tensor], float]]
    n_units: int
    in_fit: bool = False
    same_batch: bool = True


class NotHere(Exception):
    """Raised by a row that this machine cannot run, with the reason."""


def literal_ranking(setup: Setup, attention: str, fused: bool = False) -> Work:
    batch, net = setup.batch, setup.net_with(attention)
    if setup.literal_candidates is not None:
        # The same candidate numbers of all anchors, so that as many pairs are computed at a time.
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
    setup: Setup, embed: Callable, bf16: bool = False, compiled: bool = False, in_fit: bool = False
) -> Work:
    if bf16:
        need_bfloat16()
    embed = CompiledCall() if compiled else embed
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
    # The ranking of some candidates, and the rest of the step, of which there is only the whole.
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
        # The first step over and over, whose loss is that of the literal's first.
        encoder.load_state_dict(start[0])
        optimizer.load_state_dict(deepcopy(start[1]))
        return train(encoder, batch, optimizer, loss)

    return Work([(step, 1)], len(batch.anchors), in_fit=True, same_batch=not shared)


def distance_step(setup: Setup, step: Callable) -> Work:
    net = setup.net_with("sparsemax").train().requires_grad_()
    batch = some_segments(setup.segments, setup.n_anchors, seed=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    return Work([(partial(step, net, batch, optimizer, RandomAugmentations()), 1)], setup.n_anchors)


def plain_transform(setup: Setup, n_at_a_time: int | None = None) -> Work:
    encoder = untrained_embedder(setup).encoder_
    X = torch.from_numpy(setup.segments)

    def run():
        with torch.inference_mode():
            chunks = X.split(n_at_a_time or len(X))
            return torch.cat([encoder(chunk.transpose(1, 2)) for chunk in chunks])

    return Work([(run, 1)], len(X))


def library_transform(setup: Setup) -> Work:
    embedder = untrained_embedder(setup)

    def run():
        return torch.from_numpy(embedder.transform(setup.segments))

    return Work([(run, 1)], len(setup.segments))


def untrained_embedder(setup: Setup) -> RelConEmbedder:
    """Return an embedder that was "fitted" for no epoch, and has embedded a few segments."""
    few = setup.segments[:8]
    embedder = RelConEmbedder(lambda a, b: np.zeros((len(a), len(b))), max_epochs=0, random_state=0)
    embedder.fit(few, groups=np.arange(len(few)) // 4).transform(few)
    return embedder


def call(module: nn.Module, segments: Tensor) -> Tensor:
    return module(segments)


def library_loss(embeddings: Tensor, batch: Batch, distances: Tensor, temperature: float) -> Tensor:
    return relative_contrastive_loss(
        embeddings, batch.anchors, batch.candidates, distances, temperature
    )


def library_distance_step(net: nn.Module, batch: Batch, optimizer, augmentation) -> Tensor:
    return train(net, batch, optimizer, reconstruction_loss(augmentation))


def need_bfloat16() -> None:
    """Raise NotHere if this CPU would have to emulate bfloat16."""
    if not gains_from_bfloat16(torch.device("cpu")):
        raise NotHere("the CPU has no instructions for bfloat16, or does not tell")


class Row(NamedTuple):
    """A way to do the work of a part: `make` gets a Setup and gives a Work."""

    part: str
    name: str
    make: Callable[[Setup], Work]


SPARSEMAX, SOFTMAX = {"attention": "sparsemax"}, {"attention": "softmax"}
FUSED = SOFTMAX | {"fused": True}  # torch's fused attention, with which the released code ranks

BF16, STRIDE = {"bf16": True}, {"stride": 4}
# What a fit does on a CPU that has bfloat16, and what it can be told to do.
WAYS = [
    ("library", {}),
    ("library, bfloat16", BF16),
    ("library, query_stride=4", STRIDE),
    ("library, bfloat16, query_stride=4", BF16 | STRIDE),
]


def rows_in_ways(part: str, make: Callable, attention: dict, name: str = "", **kwargs) -> list[Row]:
    return [Row(part, way + name, partial(make, **attention, **how, **kwargs)) for way, how in WAYS]


# The first row of a part is what the others are compared with.
ROWS = [
    Row("ranking-sparsemax", "literal", partial(literal_ranking, **SPARSEMAX)),
    *rows_in_ways("ranking-sparsemax", library_ranking, SPARSEMAX),
    Row("ranking-softmax", "literal, fused attention", partial(literal_ranking, **FUSED)),
    Row("ranking-softmax", "literal, attention in full", partial(literal_ranking, **SOFTMAX)),
    *rows_in_ways("ranking-softmax", library_ranking, SOFTMAX),
    Row("encoder", "literal", partial(forward_and_backward, embed=literal.embed)),
    Row("encoder", "library", partial(forward_and_backward, embed=call, in_fit=True)),
    Row(
        "encoder",
        "library, bfloat16",
        partial(forward_and_backward, embed=call, bf16=True, in_fit=True),
    ),
    Row(
        "encoder",
        "library, bfloat16, compiled",
        partial(forward_and_backward, embed=call, bf16=True, compiled=True, in_fit=True),
    ),
    Row("loss", "literal", partial(loss_and_gradient, loss=literal.contrastive_loss)),
    Row("loss", "library", partial(loss_and_gradient, loss=library_loss)),
    Row("step-sparsemax", "literal", partial(literal_step, **SPARSEMAX)),
    *rows_in_ways("step-sparsemax", library_step, SPARSEMAX),
    *rows_in_ways("step-sparsemax", library_step, SPARSEMAX, name=", shared", shared=True),
    Row("step-softmax", "literal, fused attention", partial(literal_step, **FUSED)),
    *rows_in_ways("step-softmax", library_step, SOFTMAX),
    *rows_in_ways("step-softmax", library_step, SOFTMAX, name=", shared", shared=True),
    Row("reconstruction", "literal", partial(distance_step, step=literal.reconstruction_step)),
    Row("reconstruction", "library", partial(distance_step, step=library_distance_step)),
    Row("transform", "plain forward, 64 at a time", partial(plain_transform, n_at_a_time=64)),
    Row("transform", "plain forward, all at once", plain_transform),
    Row("transform", "RelConEmbedder.transform", library_transform),
]

# The unit of work of each part.
PARTS = {
    "ranking-sparsemax": "pair",
    "ranking-softmax": "pair",
    "encoder": "segment",
    "loss": "anchor",
    "step-sparsemax": "anchor",
    "step-softmax": "anchor",
    "reconstruction": "segment",
    "transform": "segment",
    "agreement": None,
}
WITHOUT_DISTANCE = {"encoder", "loss", "transform"}
WITH_PEAK_MEMORY = {"transform"}


def rows_of(part: str) -> list[Row]:
    return [row for row in ROWS if row.part == part]
