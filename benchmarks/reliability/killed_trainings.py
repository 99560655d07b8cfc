"""Tries with trainings that are killed at random moments and resumed.

A training is killed by SIGKILL after a random time, or while it writes a checkpoint: after half of
the file, before it is on the disk, before and after it gets its name, or while old checkpoints are
removed. The same `fit` in a new process resumes it, until it ends. Weights and history must then be
bit for bit those of an uninterrupted training. Linux and macOS: it needs fork.
"""

import os
import pickle
import signal
import sys
import time
from functools import partial
from pathlib import Path

from torch import nn

import relcon_sklearn._utils._atomic as atomic
from benchmarks.reliability.tries import Kind, Try, new_folder, require
from relcon_sklearn import Checkpoints, LearnedMotifDistance, RelConClassifier, RelConEmbedder
from relcon_sklearn.datasets import make_motion

_KILLS = 4  # of one training

WRITES = ["half of the file", "before fsync", "before rename", "after rename", "before removal"]


class DropoutEncoder(nn.Module):
    """A small encoder that draws from torch's global generators."""

    def __init__(self, n_channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(n_channels, 8, 5), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3)
        )

    def forward(self, x):
        """Map (n, n_channels, n_timesteps) to (n, 8)."""
        return self.layers(x).mean(dim=2)


def distance(**kwargs):
    """Return a distance."""
    settings = {"embed_dim": 8, "n_layers": 1, "max_epochs": 3, "batch_size": 8}
    return LearnedMotifDistance(**settings, **kwargs)


def embedder(**kwargs):
    """Return an embedder whose two stages take about the same time."""
    settings = {"encoder": "resnet14-half", "n_within": 3, "batch_size": 8, "max_epochs": 3}
    return RelConEmbedder.published(distance(), lr=1e-3, **settings, **kwargs)


def classifier(**kwargs):
    """Return a classifier that is pretrained first, with dropout and early stopping."""
    pretrained = RelConEmbedder.published(
        distance(), encoder=DropoutEncoder, n_within=3, batch_size=8, max_epochs=2, lr=1e-3
    )
    return RelConClassifier(pretrained, max_epochs=6, batch_size=8, n_iter_no_change=2, **kwargs)


TRAININGS = {"distance": distance, "embedder": embedder, "classifier": classifier}


def result(fitted):
    """Return the histories and weights of an estimator and its distance, as plain values."""
    found = {"history": fitted.history_}
    for name, value in sorted(vars(fitted).items()):
        if isinstance(value, nn.Module):
            found[name] = {k: v.numpy().tobytes() for k, v in value.state_dict().items()}
        elif isinstance(value, LearnedMotifDistance) and name.endswith("_"):
            found[name] = result(value)
    return found


def die():
    """End the process at once, as if the machine failed."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_while_writing(where, n_writes):
    """Make the process die at a place within the writing of the `n_writes`-th file from now."""
    left = [n_writes]

    def is_time():
        return left[0] == 0

    class Half:
        """A file that receives only the first half of its content."""

        def __init__(self, *args):
            self.file = open_(*args)
            left[0] -= 1

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            """Write, or die after writing half."""
            if is_time() and where == "half of the file":
                self.file.write(data[: len(data) // 2])
                self.file.flush()
                die()
            self.file.write(data)

    def dying(function, before=None, after=None):
        def called(*args, **kwargs):
            if is_time() and where == before:
                die()
            function(*args, **kwargs)
            if is_time() and where == after:
                die()

        return called

    open_ = open
    atomic.open = Half
    atomic.os.fsync = dying(os.fsync, "before fsync")
    atomic.os.replace = dying(os.replace, "before rename", "after rename")
    Path.unlink = dying(Path.unlink, "before removal")


def fit(estimator, data):
    """Fit an estimator, with labels if it needs them."""
    X, y, groups = data
    labels = (y,) if isinstance(estimator, RelConClassifier) else ()
    return estimator.fit(X, *labels, groups=groups)


def fit_in_child(make, data, seed, settings, answer, death=None):
    """Fork a process that fits and writes its result to a file; return the process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if death is not None:
            die_while_writing(*death)
        fitted = fit(make(random_state=seed, checkpoint_dir=settings), data)
        answer.write_bytes(pickle.dumps(result(fitted)))
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def wait(pid, seconds=None):
    """Wait for a process and kill it after `seconds`; return whether it was killed."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if end is not None and time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            break
        time.sleep(0.001)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a fit failed; its error is above")
    return os.WIFSIGNALED(status)


def kill_one_training(name, data, rng, folder):
    """Kill a training at most `_KILLS` times, let it end, and compare it with one that was not."""
    make, answer = TRAININGS[name], folder / "answer"
    seed = int(rng.integers(1000))
    start = time.monotonic()
    wait(fit_in_child(make, data, seed, None, answer))
    duration = time.monotonic() - start
    expected = pickle.loads(answer.read_bytes())
    answer.unlink()
    # Checkpoints are frequent, so that some kills hit a checkpoint of every stage.
    settings = Checkpoints(folder / "checkpoints", every_steps=int(rng.integers(1, 4)))
    n_kills = 0
    while not answer.exists():
        death, seconds = None, None
        if n_kills < _KILLS:
            if rng.random() < 0.5:
                death = (WRITES[rng.integers(len(WRITES))], int(rng.integers(2, 12)))
            else:
                seconds = rng.uniform(0, duration)
        if wait(fit_in_child(make, data, seed, settings, answer, death), seconds):
            n_kills += 1
            answer.unlink(missing_ok=True)  # of a fit that was killed after it ended
    require(
        pickle.loads(answer.read_bytes()) == expected,
        f"{name} after {n_kills} kills differs from an uninterrupted training",
    )


def _killed(folder: Path, name: str) -> Try:
    data = make_motion(60, n_subjects=5, n_timesteps=32, random_state=0)[:3]
    fit(TRAININGS[name](), data)  # so that no child has to load and compile modules

    def attempt(rng):
        with new_folder(folder) as path:
            kill_one_training(name, data, rng, path)

    return attempt


KINDS = {
    f"training killed: {name}": Kind(partial(_killed, name=name), lambda error: False, seconds=300)
    for name in TRAININGS
}
