"""The cost of a segment once a method is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier

from benchmarks.common.windows import balanced_rows, draw, shorten
from benchmarks.downstream.cells import Cell
from benchmarks.downstream.classic import DTW_SEGMENTS, DTW_TIMESTEPS, N_TREES, dtw
from benchmarks.downstream.minirocket import minirocket_features
from benchmarks.downstream.pretrained import RATE, Data
from relcon_sklearn import MotionFeatures
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS

BATCH, REPEATS = 256, 7


def milliseconds(function: Callable[[np.ndarray], object], X: np.ndarray) -> list[float]:
    """Return the time per segment of several calls, after one warm-up call."""
    function(X)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(X)
        times.append(1000 * (time.perf_counter() - start) / len(X))
    return times


def cost_cells(data: Data, preset: str, n_windows: int) -> Iterator[tuple[Cell, dict]]:
    """Measure all methods on windows of HAPT in memory, with one thread.

    The cost of an encoder does not depend on its pretraining, and the cost of the linear probe is
    negligible.
    """
    windows = data.task("hapt")
    windows = draw(windows.labelled(), n_windows, 0)
    X, y = windows.X, windows.y
    batch = X[:BATCH]
    names = (name for name, made in ENCODER_PRESETS.items() if made.factory is ResNet1D)
    for name in dict.fromkeys((preset, *names)):
        encoder = ENCODER_PRESETS[name].make(X.shape[2]).eval()
        yield _cost_cell(
            f"encoder {name}",
            milliseconds(lambda x, encoder=encoder: _embed(encoder, x), batch),
            parameters=sum(p.numel() for p in encoder.parameters()),
            macs=round(multiply_adds(encoder, batch) / len(batch)),
        )
    forest = RandomForestClassifier(N_TREES, random_state=0, n_jobs=1)
    features = MotionFeatures(RATE).fit(X)
    forest.fit(features.transform(X), y)
    yield _cost_cell(
        "features_forest",
        milliseconds(lambda x: forest.predict(features.transform(x)), batch),
    )
    yield _cost_cell("features_linear", milliseconds(features.transform, batch))
    rows = balanced_rows(y, DTW_SEGMENTS, np.random.default_rng(0), windows.subject)
    references = shorten(X[rows], DTW_TIMESTEPS)
    yield _cost_cell(
        "nearest_dtw",
        milliseconds(lambda x: dtw(shorten(x, DTW_TIMESTEPS), references, None), batch),
    )
    yield _cost_cell("minirocket", _minirocket(X, y))


@torch.inference_mode()
def multiply_adds(encoder: ResNet1D, X: np.ndarray) -> float:
    """Return the number of multiply-adds of embedding segments."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, which is optional

    with FlopCounterMode(display=False) as counter:
        encoder(torch.from_numpy(X).transpose(1, 2))
    return counter.get_total_flops() / 2


def _cost_cell(method: str, times: list[float], parameters=None, macs=None) -> tuple[Cell, dict]:
    scores = {"parameters": parameters, "macs": macs, "milliseconds": times, "batch": BATCH}
    return Cell("cost", "hapt", method, "own"), {"scores": scores}


@torch.inference_mode()
def _embed(encoder: ResNet1D, X: np.ndarray) -> torch.Tensor:
    return encoder(torch.from_numpy(X).transpose(1, 2))


def _minirocket(X: np.ndarray, y: np.ndarray) -> list[float]:
    """Return times per segment, without the start of the other Python and compilation.

    The transform runs in a separate environment. Its time per segment is therefore the difference
    between two calls, of which the second has twice as many segments.
    """
    n = len(X) // 3
    Z, *_ = minirocket_features(X[:n], X[n : n + 8], seed=0)
    ridge = RidgeClassifier().fit(Z, y[:n])
    times = []
    for _ in range(3):
        spent = []
        for rows in (slice(n, 2 * n), slice(n, 3 * n)):
            start = time.perf_counter()
            _, Z, _ = minirocket_features(X[:n], X[rows], seed=0)
            ridge.predict(Z)
            spent.append(time.perf_counter() - start)
        times.append(1000 * (spent[1] - spent[0]) / n)
    return times
