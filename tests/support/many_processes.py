"""Fits in several processes, which environment variables connect as torchrun does.

This module is also the script of these processes. Each writes the weights and losses of a fitted
estimator to ``NAME-RANK.npz``, or the error of the fit to ``NAME-RANK.txt``. The error of a second
fit is in ``NAME-RANK-again.txt``.
"""

import argparse
import atexit
import itertools
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import EarlyStopping

from relcon_sklearn.datasets import make_motion
from tests.support.break_off import BreakOff
from tests.support.dropout_encoder import DropoutEncoder
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

ROOT = Path(__file__).parents[2]
STEPS = {"max_epochs": 3}  # of 7 steps or more


def squared(anchors, candidates):
    return np.square(anchors - candidates).sum(axis=(1, 2))[None]


def mixed(segments, generator):
    """Average each segment with the next one of the batch, which another process may have read."""
    return (segments + segments.roll(1, dims=0)) / 2


def stopping():
    return EarlyStopping("valid_loss", patience=2, threshold=0.5, sink=lambda text: None)


MODELS = {
    "distance": partial(tiny_distance, **STEPS),
    "mixed distance": partial(tiny_distance, augmentation=mixed, **STEPS),
    "mixed views": partial(
        tiny_embedder,
        distance="features",
        sampling_rate=50,
        augmentation=mixed,
        feature_weight=20.0,
        **STEPS,
    ),
    "within": partial(tiny_embedder, n_between=5, **STEPS),
    "shared": partial(
        tiny_embedder, candidates="shared", n_within=1, batch_size=4, validation_fraction=0, **STEPS
    ),
    "views": partial(
        tiny_embedder,
        distance="features",
        n_within=0,
        n_positives=4,
        augmentation="random",
        projection=(8, 4),
        feature_weight=20.0,
        sampling_rate=50,
        steps_per_epoch=10,
        **STEPS,
    ),
    "callable": partial(tiny_embedder, distance=squared, **STEPS),
    "stopped": partial(tiny_embedder, distance=squared, max_epochs=20, validation_fraction=0.3),
    "classifier": partial(
        tiny_classifier, validation_fraction=0.3, n_iter_no_change=2, lr=0.01, batch_size=8, **STEPS
    ),
    "regressor": partial(tiny_regressor, lr=0.01, batch_size=8, **STEPS),
    "dropout": partial(tiny_embedder, distance=squared, encoder=DropoutEncoder),
    # The last batch has two segments, so that one of three processes has none.
    "few": partial(
        tiny_embedder,
        distance="features",
        sampling_rate=50,
        n_within=0,
        feature_weight=1.0,
        batch_size=44,
        validation_fraction=0,
    ),
}


def fitted(name, seed=0, callbacks=(), **kwargs):
    """Return a fitted model. Data of other seeds differ."""
    X, y, subjects, *_ = make_motion(90, n_subjects=6, n_timesteps=64, random_state=seed)
    if name == "regressor":
        y = np.arange(len(X)) / len(X)
    callbacks = [*callbacks, *([stopping()] if name == "stopped" else [])]
    model = MODELS[name]().set_params(callbacks=callbacks, **kwargs)
    if "precision" in model.get_params():  # "auto" depends on the CPU
        model.set_params(precision="float32")
    return model.fit(X, y, groups=subjects)


def results(model):
    """Return the weights and the losses of a fitted estimator, as arrays."""
    arrays = {
        f"{name}{key}": value.numpy()
        for name in ("net_", "encoder_", "head_")
        for key, value in getattr(getattr(model, name, None), "state_dict", dict)().items()
    }
    for key in ("train_loss", "valid_loss"):
        arrays[key] = np.array([row[key] for row in model.history_ if key in row])
    return arrays


def send(number, note):
    """Send a signal to this process, and note the time as that of a file."""
    note.touch()
    os.kill(os.getpid(), number)


def end_of_connections(seconds=10):
    """Exit with an error if threads of the process group outlive it. They may abort the exit."""
    deadline = time.monotonic() + seconds  # a thread that has ended is listed a moment longer
    while any("gloo" in path.read_text() for path in Path("/proc/self/task").glob("*/comm")):
        if time.monotonic() > deadline:
            os._exit(3)


def launch(n, folder, *arguments):
    """Run this script in `n` processes, and return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder), *map(str, arguments)],
            env={**os.environ, **shared, "RANK": str(rank)},
        )
        for rank in range(n)
    ]
    try:
        return [process.wait(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--checkpoint-dir", help="folder that only the first process is given")
    parser.add_argument("--signal", type=int, help="signal that the last process sends itself")
    parser.add_argument("--after", type=int, default=17, help="number of steps before the signal")
    parser.add_argument("--error", action="store_true", help="an error in the last one; all retry")
    parser.add_argument("--other-data", action="store_true", help="give each process other data")
    given = parser.parse_args()
    atexit.register(end_of_connections)  # called after those that fit registers
    torch.set_num_threads(1)
    rank, is_last = int(os.environ["RANK"]), os.environ["RANK"] != "0"
    again = ["", "-again"] if given.error else [""]
    for name, attempt in itertools.product(given.names, again):
        watched = given.checkpoint_dir or given.signal or given.error
        callbacks = [BreakOff()] if watched else []
        if (given.signal or given.error) and is_last:
            act = partial(send, given.signal, given.folder / "signal") if given.signal else None
            callbacks = [BreakOff(given.after, act)]
        try:
            model = fitted(
                name,
                seed=rank if given.other_data else 0,
                callbacks=callbacks,
                checkpoint_dir=None if is_last else given.checkpoint_dir,
            )
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            (given.folder / f"{name}-{rank}{attempt}.txt").write_text(text)
        else:
            np.savez(given.folder / f"{name}-{rank}.npz", **results(model))


if __name__ == "__main__":
    main()
