"""The modes of pretraining that `bench_pretraining.py` compares, trained for a given time."""

from __future__ import annotations

import copy
from contextlib import suppress

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from torch import nn

from benchmarks.common import paper_literal as literal
from benchmarks.common.budget import ENDLESS, Budget, BudgetSchedule, BudgetSpent, set_rate
from benchmarks.common.encoders import no_distances
from benchmarks.common.windows import Windows
from benchmarks.pretraining.settings import LIBRARY_MODES, PretrainingSettings, is_shared
from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn.segments._array import SegmentArray


def make_embedder(settings: PretrainingSettings, seed: int, distance) -> RelConEmbedder:
    """Return an embedder that is not trained: its `max_epochs` is 0."""
    return RelConEmbedder.published(
        distance,
        encoder=settings.encoder,
        n_within=settings.n_within,
        temperature=settings.temperature,
        max_epochs=0,
        batch_size=settings.batch_size,
        lr=settings.lr,
        validation_fraction=0.0,
        device="cpu",
        precision=settings.precision,
        random_state=seed,
    )


def untrained_embedder(train: Windows, settings: PretrainingSettings, seed: int) -> RelConEmbedder:
    """Return a fitted embedder with the initial weights of the modes."""
    return make_embedder(settings, seed, no_distances).fit(train.X, groups=train.subject)


def train_in_mode(
    mode: str,
    train: Windows,
    distance: LearnedMotifDistance,
    settings: PretrainingSettings,
    seed: int,
    budget: Budget,
) -> None:
    """Train an encoder in one of the modes. `budget` ends the training and keeps the record."""
    if mode == "paper_literal":
        # The weights and batches are those of an embedder with the same random_state.
        encoder = untrained_embedder(train, settings, seed).encoder_
        drawn = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
        index = GroupIndex.from_labels(train.subject)
        array = SegmentArray(train.X)
        batches = Batches(array, index, settings.batch_size, drawn, settings.n_within)
        train_literal(encoder, distance, batches, settings.temperature, budget)
        return
    params = dict(LIBRARY_MODES[mode])
    distance = copy.copy(distance).set_params(query_stride=params.pop("query_stride", 1))
    embedder = make_embedder(settings, seed, FrozenEstimator(distance)).set_params(**params)
    if is_shared(mode) and settings.n_sets:
        embedder.set_params(batch_size=settings.n_sets)
    train_library(embedder, train.X, train.subject, budget)


def train_library(embedder: RelConEmbedder, X: np.ndarray, groups, budget: Budget) -> None:
    """Fit `embedder` for the time of `budget`. It must not hold out any groups."""
    embedder.set_params(callbacks=[BudgetSchedule(budget)], max_epochs=ENDLESS)
    with suppress(BudgetSpent):
        embedder.fit(X, groups=groups)


def train_literal(
    encoder: nn.Module,
    distance: LearnedMotifDistance,
    batches: Batches,
    temperature: float,
    budget: Budget,
) -> None:
    """Train `encoder` by `paper_literal.py` for the time of `budget`."""
    optimizer = torch.optim.Adam(encoder.parameters(), lr=budget.lr)
    encoder.train()
    budget.start()
    with suppress(BudgetSpent):
        for epoch in range(ENDLESS):
            batches.epoch = epoch
            for batch in batches:
                set_rate(optimizer, budget.rate())
                loss = literal.step(
                    encoder, distance.net_, batch, optimizer, temperature=temperature
                )
                budget.after_step(encoder, batch, float(loss))
