"""The peak memory that fits and transforms of arrays in files add to a process.

``measure`` writes the files and runs this module in a separate process:

    python -m tests.support.peak_memory FOLDER
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone

from relcon_sklearn.segments import _mapped
from tests.support.estimators import tiny_distance, tiny_embedder
from tests.support.reference import euclidean

# 200 MB of float32, in rows of 128 kB.
SHAPE = (1600, 64, 512)


def memory(field):
    """Return VmHWM (peak) or VmRSS (now) of this process in MB, or None."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(field + ":")]
    return int(found[0][1]) / 1024 if found else None


def is_measurable():
    """Return whether the system reports and resets the peak memory of a process."""
    return memory("VmHWM") is not None and os.access("/proc/self/clear_refs", os.W_OK)


def added_peak(action):
    """Return the MB by which the peak memory during `action` exceeds the memory before it."""
    gc.collect()
    # This resets the peak to the current memory.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    action()
    return memory("VmHWM") - before


def distance_of_first_steps(anchors, candidates):
    return euclidean(anchors[:, :2], candidates[:, :2])


class WideEncoder(torch.nn.Module):
    """An encoder whose output has four times as many values as a segment."""

    def __init__(self, n_channels):
        super().__init__()
        self.linear = torch.nn.Linear(n_channels, 1024)

    def forward(self, segments):
        return self.linear(segments.mean(dim=-1))


def distance():
    settings = {"embed_dim": 4, "n_layers": 0, "max_epochs": 1, "n_references": 1}
    return tiny_distance(**settings, batch_size=8)


def embedder(**kwargs):
    return tiny_embedder(n_within=1, max_epochs=1, **kwargs)


def measure(folder):
    """Write the files and return the MB that each action adds to the peak, by name."""
    for dtype in ("float32", "int16"):
        # Large writes get large pages, which take most memory when they are read.
        block = np.random.default_rng(0).integers(-40, 41, size=(160, *SHAPE[1:])).astype(dtype)
        with open(folder / dtype, "wb") as file:
            for _ in range(0, SHAPE[0], len(block)):
                block.tofile(file)
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(folder):
    """Print what ``measure`` returns."""
    torch.set_num_threads(1)
    # The limit is as small relative to this file as the default is relative to several gigabytes.
    _mapped._RESIDENT_BYTES = 2**23
    _mapped._SHARE_OF_MEMORY = 0  # as for a file that does not fit in memory
    estimators = {
        "LearnedMotifDistance": distance(),
        "RelConEmbedder": embedder(batch_size=8, distance=distance_of_first_steps),
    }
    rng = np.random.default_rng(0)
    for estimator in estimators.values():
        noise = rng.normal(size=(20, *SHAPE[1:]))
        clone(estimator).fit(noise, groups=np.arange(20) // 4).transform(noise)
    del noise

    def measure_fit(dtype, name, step):
        # For speed, every `step`-th row. They are spread over the whole file.
        X = np.memmap(folder / dtype, dtype, "r", shape=SHAPE)[::step]
        groups = np.arange(len(X)) // 20
        estimator = estimators[name]
        added[f"{name}.fit, {dtype}"] = added_peak(lambda: estimator.fit(X, groups=groups))
        added[f"{name}.transform, {dtype}"] = added_peak(lambda: estimator.transform(X))

    added = {}
    measure_fit("float32", "LearnedMotifDistance", 8)
    measure_fit("float32", "RelConEmbedder", 2)
    measure_fit("int16", "RelConEmbedder", 4)
    X = np.memmap(folder / "float32", np.float32, "r", shape=SHAPE)
    added["reading it all"] = added_peak(X.max)
    many = rng.normal(size=(25_600, 256, 1)).astype(np.float32)
    wide = embedder(encoder=WideEncoder, batch_size=16, distance=euclidean).fit(
        many[:20], groups=np.arange(20) // 4
    )
    added["100 MB of embeddings"] = added_peak(lambda: wide.transform(many))
    print(json.dumps(added))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
