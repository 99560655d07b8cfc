"""Fits of several processes: ``torchrun many_processes.py FOLDER NAME...`` writes their results."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
from skorch.callbacks import EarlyStopping

from relcon_sklearn.datasets import make_motion
from tests.support.break_off import BreakOff
from tests.support.dropout_encoder import DropoutEncoder
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

MODULES = ("net_", "encoder_", "head_")

# Of 90 segments, in batches of 8. Two epochs are 20 steps or more.
MODELS = {
    "distance": tiny_distance,
    "within": partial(tiny_embedder, n_between=5),
    "shared": partial(tiny_embedder, candidates="shared", n_within=1, validation_fraction=0),
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
    ),
    "callable": partial(
        tiny_embedder, distance=lambda a, c: ((a - c) ** 2).sum(axis=(1, 2))[None], max_epochs=1
    ),
    "stopped": partial(
        tiny_embedder,
        max_epochs=8,
        lr=0.1,
        validation_fraction=0.3,
        callbacks=[EarlyStopping("valid_loss", patience=1, threshold=0, sink=lambda text: None)],
    ),
    "classifier": partial(
        tiny_classifier, max_epochs=3, lr=0.01, validation_fraction=0.3, n_iter_no_change=2
    ),
    "regressor": partial(tiny_regressor, max_epochs=2, lr=0.01),
    "dropout": partial(tiny_embedder, encoder=DropoutEncoder),
    # The last batch has fewer segments than there are processes, if there are three of them.
    "few": partial(tiny_distance, batch_size=44, validation_fraction=0),
}


def data():
    X, y, subjects, *_ = make_motion(90, n_subjects=6, n_timesteps=64, random_state=0)
    return X, y, subjects


def fitted(name, **kwargs):
    X, y, subjects = data()
    y = np.arange(len(X)) / len(X) if name == "regressor" else y
    model = MODELS[name](**kwargs)
    if "precision" in model.get_params():  # else it depends on the CPU
        model.set_params(precision="float32")
    return model.fit(X, y, groups=subjects)


def results(model):
    """Return the weights and the losses of a fitted estimator, as arrays."""
    arrays = {
        f"{name}{key}": value.numpy()
        for name in MODULES
        if hasattr(model, name)
        for key, value in getattr(model, name).state_dict().items()
    }
    for key in ("train_loss", "valid_loss"):
        arrays[key] = np.array([row[key] for row in model.history_ if key in row])
    return arrays


def main(folder, *names):
    rank = int(os.environ["RANK"])
    for name in names:
        np.savez(folder / f"{name}-{rank}.npz", **results(fitted(name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
