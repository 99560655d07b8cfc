"""A training on a billion rows of a sparse store, with a fake encoder and a fake distance.

Each function runs in a process of its own. The store is one of `write_sparse_store`.
"""

from __future__ import annotations

import contextlib
import signal
import time
import warnings
from pathlib import Path

import numpy as np
from skorch.callbacks import Callback
from torch import Tensor, nn

from benchmarks.common.encoders import no_distances
from benchmarks.common.process_memory import process_memory
from relcon_sklearn import Checkpoints, RelConEmbedder, open_segments
from relcon_sklearn._batches import Batches, GroupIndex, SharedBatches
from relcon_sklearn._batches._order import random_order
from relcon_sklearn._training._distributed import Processes
from relcon_sklearn._training._own_rows import own_rows
from relcon_sklearn.segments._array import SegmentArray

BATCH_SIZE, N_WITHIN = 64, 20  # as published
KINDS = {"published": Batches, "shared candidates": SharedBatches}
_CHUNK = 2**16  # positions of the order that are computed at once
_N_SAMPLES = 20  # of the memory
_WARM_UP = 50  # steps before the memory is compared


class FakeEncoder(nn.Module):
    """A linear map of the mean over time, which takes no time."""

    def __init__(self, n_channels: int):
        super().__init__()
        self.linear = nn.Linear(n_channels, 8)

    def forward(self, segments: Tensor) -> Tensor:
        """Map (n, n_channels, n_timesteps) to embeddings (n, 8)."""
        return self.linear(segments.mean(dim=2))


def memory_now() -> dict[str, float]:
    """Return the resident memory of this process in MB: all of it, and without pages of files."""
    memory = process_memory()
    return {"rss": memory.get("VmRSS", 0.0), "anonymous": memory.get("RssAnon", 0.0)}


def draw_orders(path: Path) -> dict:
    """Draw the order of a pass, and find the row of each position; check that none is missing.

    The sum of a hash of the rows does not depend on their order. It is that of all rows only if
    each row was drawn once.
    """
    index = GroupIndex.from_labels(open_segments(path).hour_groups)
    n, order = index.n_rows, random_order(index.n_rows, [0, 0])
    found, expected, samples = 0, 0, []
    start, looks = time.process_time(), set(np.linspace(0, n - 1, _N_SAMPLES, dtype=int) // _CHUNK)
    for i in range(0, n, _CHUNK):
        stop = min(i + _CHUNK, n)
        rows = index.rows_at(np.sort(order[i:stop]))  # sorted, as by the loader
        found += _sum_of_hashes(rows)
        expected += _sum_of_hashes(np.arange(i, stop))
        if i // _CHUNK in looks:
            samples.append({"row": stop, **memory_now()})
    seconds = time.process_time() - start
    return {"rows": n, "complete": bool(found == expected), "cpu_s": seconds, "memory": samples}


def _sum_of_hashes(rows: np.ndarray) -> int:
    x = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return int((x >> np.uint64(32)).sum())  # of a billion rows, less than 2**63


def draw_everywhere(path: Path, n_batches: int) -> dict:
    """Draw batches at the begin, in the middle and at the end of a pass; return rows per second."""
    store = open_segments(path)
    index = GroupIndex.from_labels(store.hour_groups)
    found = {}
    for name, kind in KINDS.items():
        batches = kind(SegmentArray(store.X), index, BATCH_SIZE, 0, N_WITHIN)
        n_batches = min(n_batches, len(batches))
        places = {"begin": 0, "middle": len(batches) // 2, "end": len(batches) - n_batches}
        found[name] = {"batches": len(batches)}
        for place, first in places.items():
            drawn = batches.starting_at(first)
            n_rows, start, cpu_start = 0, time.perf_counter(), time.process_time()
            for _, batch in zip(range(n_batches), drawn, strict=False):
                n_rows += len(batch.segments)
            found[name][place] = {
                "rows_per_cpu_s": n_rows / (time.process_time() - cpu_start),
                "rows_per_s": n_rows / (time.perf_counter() - start),
            }
    return found


def draw_share(path: Path, n_processes: int, n_batches: int) -> dict:
    """Draw batches with shared candidates as one of several processes; return rows per second.

    The rows are those of the batch of all processes. This one reads its share of them, and makes
    the lists of its share of the anchors.
    """
    store, processes = open_segments(path), Processes(0, n_processes)
    index = GroupIndex.from_labels(store.hour_groups)
    data, n_sets = own_rows(SegmentArray(store.X), processes), BATCH_SIZE * n_processes
    drawn = iter(SharedBatches(data, index, n_sets, 0, N_WITHIN, share=processes.share))
    n_rows, start = 0, time.process_time()
    for _, batch in zip(range(n_batches), drawn, strict=False):
        n_rows += len(batch.segments)
    return {"rows_per_cpu_s": n_rows / (time.process_time() - start)}


class Watch(Callback):
    """Note the memory while a training runs, and interrupt it after a time."""

    _without_effect = frozenset({"seconds", "started"})  # on the weights

    def __init__(self, seconds: float, started: float):
        self.seconds = seconds
        self.started = started

    def on_train_begin(self, net, **kwargs):
        """Start to count."""
        self.looks = Looks(self.seconds, self.started)

    def on_batch_end(self, net, batch=None, **kwargs):
        """Count a step, and note the memory from time to time."""
        self.looks.after_step(len(batch.segments))


class Looks:
    """What a watch has seen. It is not a plain value, so that it is not in checkpoints."""

    def __init__(self, seconds: float, started: float):
        self.seconds = seconds
        self.started = started
        self.n_steps = self.n_rows = 0
        self.samples: list[dict] = []

    def after_step(self, n_rows: int) -> None:
        """Count a step."""
        now = time.time()
        if self.n_steps == 0:
            self.first, self.first_cpu = now, time.process_time()
        self.n_steps += 1
        self.n_rows += n_rows
        if self.n_steps >= _WARM_UP and now - self.first >= self._next():
            self.samples.append({"step": self.n_steps, "rows": self.n_rows, **memory_now()})
        if now - self.first >= self.seconds and len(self.samples) >= 2:
            signal.raise_signal(signal.SIGINT)  # which saves the step and ends fit

    def _next(self) -> float:
        return len(self.samples) * self.seconds / _N_SAMPLES

    def report(self) -> dict:
        """Return steps, rows, seconds and memory."""
        seconds = time.time() - self.first
        cpu = time.process_time() - self.first_cpu
        return {
            "first_step_s": self.first - self.started,
            "first_step_cpu_s": self.first_cpu,
            "steps": self.n_steps,
            "rows": self.n_rows,
            "seconds": seconds,
            "cpu_s": cpu,
            "rows_per_cpu_s": self.n_rows / cpu,
            "memory": self.samples,
            "peak_mb": process_memory().get("VmHWM"),
        }


def train(path: Path, checkpoints: Path, seconds: float, started: float) -> dict:
    """Train until the time is up, from the last checkpoint if there is one."""
    store, watch = open_segments(path), Watch(seconds, started)
    embedder = RelConEmbedder.published(
        no_distances,
        encoder=FakeEncoder,
        max_epochs=1,  # of all rows
        batch_size=BATCH_SIZE,
        n_within=N_WITHIN,
        callbacks=[watch],
        checkpoint_dir=Checkpoints(checkpoints, every_seconds=seconds / 5),
        random_state=0,
        verbose=1,  # without the warning that this takes long
    )
    with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X is constant over time")  # the store is sparse
        embedder.fit(store.X, groups=store.hour_groups)
    files = sorted(checkpoints.glob("*.ckpt"))
    last = {"last_checkpoint": files[-1].name, "checkpoint_kb": files[-1].stat().st_size / 1024}
    return embedder.callbacks[0].looks.report() | last
