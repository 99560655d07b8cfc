"""What a segment costs once a method is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from _cells import Cell
from _classic import N_TREES, _dtw, shortened, spread_rows
from _downstream_data import draw
from _encoders import RATE, Data
from _features import classic_features
from _minirocket import minirocket_features
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier

from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS

BATCH, REPEATS = 256, 7


def milliseconds(function: Callable[[np.ndarray], object], X: np.ndarray) -> list[float]:
    """Return the time per segment of several calls, after one that is not counted."""
    function(X)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(X)
        times.append(1000 * (time.perf_counter() - start) / len(X))
    return times


def cost_cells(data: Data, preset: str, n_windows: int) -> Iterator[tuple[Cell, dict]]:
    """Measure all methods on windows of HAPT, one thread, in memory.

    An encoder is the same network whatever it was pretrained by; the linear probe on it costs next
    to nothing.
    """
    windows = data.task("hapt")
    windows = draw(windows.take(np.flatnonzero(windows.known)), n_windows, 0)
    X, y = windows.X, windows.y
    batch = X[:BATCH]
    names = (name for name, made in ENCODER_PRESETS.items() if made.factory is ResNet1D)
    for name in dict.fromkeys((preset, *names)):
        encoder = ENCODER_PRESETS[name].make(X.shape[2]).eval()
        yield _cell(
            f"encoder {name}",
            milliseconds(lambda x, encoder=encoder: _embed(encoder, x), batch),
            parameters=sum(p.numel() for p in encoder.parameters()),
            macs=round(multiply_adds(encoder, batch) / len(batch)),
        )
    forest = RandomForestClassifier(N_TREES, random_state=0, n_jobs=1)
    forest.fit(classic_features(X, RATE), y)
    yield _cell(
        "features_forest",
        milliseconds(lambda x: forest.predict(classic_features(x, RATE)), batch),
    )
    yield _cell("features_linear", milliseconds(lambda x: classic_features(x, RATE), batch))
    references = shortened(X[spread_rows(y, windows.subject, 300, np.random.default_rng(0))])
    yield _cell("nearest_dtw", milliseconds(lambda x: _dtw(shortened(x), references, None), batch))
    yield _cell("minirocket", _minirocket(X, y))


@torch.inference_mode()
def multiply_adds(encoder: ResNet1D, X: np.ndarray) -> float:
    """Return the multiply-adds of embedding segments."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, which is not for all

    with FlopCounterMode(display=False) as counter:
        encoder(torch.from_numpy(X).transpose(1, 2))
    return counter.get_total_flops() / 2


def _cell(method: str, times: list[float], parameters=None, macs=None) -> tuple[Cell, dict]:
    scores = {"parameters": parameters, "macs": macs, "milliseconds": times, "batch": BATCH}
    return Cell("cost", "hapt", method, "own"), {"scores": scores}


@torch.inference_mode()
def _embed(encoder: ResNet1D, X: np.ndarray) -> torch.Tensor:
    return encoder(torch.from_numpy(X).transpose(1, 2))


def _minirocket(X: np.ndarray, y: np.ndarray) -> list[float]:
    """Return times per segment, without those of starting the other Python and compiling.

    The transform runs in an environment of its own: what twice as many segments take more.
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
