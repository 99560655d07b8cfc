"""Speed from the file of a device to the totals and the figure of its days.

    python -m benchmarks.speed.bench_days --hours 168

writes a file in the layout of Axivity AX3, as in bench_recordings, and times the steps between it
and a PNG, for segments of 10 s at 50 Hz without overlap:

- read: the file, in little memory, as the command does;
- place: times, non-wear, and where segments are;
- resample: interpolation, filtering and cutting of all segments, in blocks;
- embed: an untrained "resnet14-half", whose time is that of a trained one; as the baseline,
  "features" are those of MotionFeatures;
- predict: a linear model of the embeddings;
- totals, draw: daily_totals, and TimelineDisplay as a PNG.

Times of the steps are CPU times of one thread. Another process does it all as the command does,
with a model of the package and all cores: its wall time from the file to the PNG, and the peak of
its memory.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import matplotlib
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.common.process_memory import own_peak
from benchmarks.speed.device_file import TARGET_RATE, WINDOW, run_script
from relcon_sklearn import MotionFeatures, RelConClassifier, RelConEmbedder
from relcon_sklearn._recordings._blocks import place_windows_in
from relcon_sklearn._recordings._window_layout import lay_out
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.plotting import TimelineDisplay
from relcon_sklearn.recordings._read_recording import read_in_little_memory
from relcon_sklearn.timelines import daily_totals, predict_timeline

N_TIMESTEPS = WINDOW * TARGET_RATE


def train(transformer):
    """Return a pipeline of a transformer and a linear model, fitted on generated segments."""
    X, y, *_ = make_motion(
        120, n_subjects=6, n_timesteps=N_TIMESTEPS, sampling_rate=TARGET_RATE, random_state=0
    )
    model = make_pipeline(transformer, StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(X, y)


def features() -> MotionFeatures:
    """Return the transformer of hand-made features."""
    return MotionFeatures(sampling_rate=TARGET_RATE)


def measure(path: Path, embedding, by_features) -> dict[str, float]:
    """Return the CPU time of each step in seconds, with one thread."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return _measure(path, embedding, by_features)


def _measure(path: Path, embedding, by_features) -> dict[str, float]:
    seconds = Counter()

    @contextmanager
    def timed(name):
        start = time.process_time()
        yield
        seconds[name] += time.process_time() - start

    with timed("read"):
        recording = read_in_little_memory(path)
    with timed("place"):
        layout = lay_out(WINDOW, None, None, TARGET_RATE)
        placed = place_windows_in(recording, layout, nonwear=60)
    blocks = placed.blocks()
    while True:
        with timed("resample"):
            _, X = next(blocks, (None, None))
        if X is None:
            break
        with timed("embed"):
            embedded = embedding[0].transform(X)
        with timed("predict"):
            embedding[1:].predict_proba(embedded)
        with timed("features"):
            by_features[0].transform(X)
    timeline = predict_timeline(by_features, recording)
    with timed("totals"):
        daily_totals(timeline)
    with timed("draw"):
        draw(timeline, path.with_suffix(".png"))
    steps = ("read", "place", "resample", "embed", "predict", "totals", "draw")
    return dict(seconds) | {"all, without features": sum(seconds[name] for name in steps)}


def draw(timeline, path: Path) -> None:
    """Write the figure of a timeline."""
    figure = TimelineDisplay.from_timeline(timeline).figure_
    figure.savefig(path, dpi=120)
    matplotlib.pyplot.close(figure)


def measure_process(path: Path) -> dict[str, float]:
    """Return wall time in s, threads, and the peak of memory in MB before and after reading."""
    model = RelConClassifier.from_pretrained("activity-small-wrist")
    before, start = own_peak(), time.perf_counter()
    recording = read_in_little_memory(path)
    after_read = own_peak()
    timeline = predict_timeline(model, recording)
    daily_totals(timeline)
    draw(timeline, path.with_suffix(".png"))
    return {
        "wall_s": time.perf_counter() - start,
        "threads": torch.get_num_threads(),
        "before_mb": before,
        "read_mb": after_read,
        "peak_mb": own_peak(),
    }


def prepare() -> Callable[[Path], dict[str, float]]:
    """Return `measure` with models that are fitted."""
    encoder = RelConEmbedder(max_epochs=0, sampling_rate=TARGET_RATE, random_state=0)
    return partial(measure, embedding=train(encoder), by_features=train(features()))


def main() -> None:
    matplotlib.use("Agg")
    run_script(
        __doc__,
        __spec__.name,
        "days",
        prepare,
        measure_process,
        "From the file to the PNG: {wall_s:.1f} s with {threads} threads\n"
        "Peak of memory in MB: before reading {before_mb:.0f}, after it {read_mb:.0f}, of all "
        "{peak_mb:.0f}",
        repeats=3,
    )


if __name__ == "__main__":
    main()
