"""Golden files of format version 1, which every later version must read.

They were made once, with

    python -m tests.support.golden

and are never made again. If the format changes, it gets another version number and its own files.
"""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import sklearn
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import (
    LearnedMotifDistance,
    RandomAugmentations,
    RelConClassifier,
    RelConEmbedder,
    RelConRegressor,
)
from relcon_sklearn.augmentations import Jitter, Rotation
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import PulsePPGEncoder, ResNet1D

FOLDER = Path(__file__).parents[1] / "data"
EXPECTED = FOLDER / "golden_v1_expected.npz"


def path_of(name):
    return FOLDER / f"golden_v1_{name}.safetensors"


def reversed_in_time(segments, generator):
    """An augmentation that files cannot store."""
    return segments.flip(1)


def settings():
    """Return parameters of the estimators, of all types except nested estimators."""
    small = partial(ResNet1D, n_blocks=(1, 1), widths=(4, 8), kernel_sizes=[3, 4])
    return {
        "LearnedMotifDistance": {
            "embed_dim": 8,
            "dropout": np.float32(0.25),
            "augmentation": RandomAugmentations([Jitter(0.2), Rotation()], n_applied=1),
            "n_references": np.int64(6),
            "max_epochs": 2,
            "random_state": 0,
        },
        "RelConEmbedder": {
            "encoder": small,
            "n_within": 2,
            "augmentation": reversed_in_time,
            "max_epochs": 2,
            "device": "cpu",
            "random_state": 0,
        },
        "RelConClassifier": {
            "class_weight": {"sitting": 2, "walking": np.float64(1.5)},
            "freeze": 1,
            "max_epochs": 2,
            "random_state": 0,
        },
        "RelConRegressor": {
            "encoder": small,
            "head": "mlp",
            "n_iter_no_change": None,
            "lr": 1e-2,
            "max_epochs": 2,
        },
    }


def outputs(estimator, X):
    """Return the output that a loaded estimator must reproduce."""
    if hasattr(estimator, "transform"):
        return np.asarray(estimator.transform(X))
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def main():
    if EXPECTED.exists():
        sys.exit(f"{EXPECTED} already exists, and must not be replaced.")
    X, y, subjects, *_ = make_motion(
        60, n_subjects=6, n_timesteps=40, activities=("sitting", "walking"), random_state=0
    )
    given = settings()
    distance = LearnedMotifDistance(**given["LearnedMotifDistance"])
    with sklearn.config_context(enable_metadata_routing=True):
        within = LearnedMotifDistance(embed_dim=4, n_layers=1, n_references=2, max_epochs=1)
        embedder = RelConEmbedder(within.set_fit_request(groups=True), **given["RelConEmbedder"])
        embedder.set_fit_request(groups="person").set_output(transform="pandas")
    pretrained = RelConEmbedder(
        FrozenEstimator(distance.fit(X, groups=subjects)),
        encoder=partial(PulsePPGEncoder, width=4, n_blocks=5, kernel_size=3),
        n_within=2,
        max_epochs=1,
    )
    classifier = RelConClassifier(
        FrozenEstimator(pretrained.fit(X, groups=subjects)), **given["RelConClassifier"]
    )
    regressor = RelConRegressor(**given["RelConRegressor"], random_state=np.random.RandomState(0))
    fitted = [
        distance,
        embedder.fit(X, groups=subjects),
        classifier.fit(X, y, groups=subjects),
        regressor.fit(X, X.std(axis=1), groups=subjects),
    ]
    expected = {"X": X[:10]}
    for estimator in fitted:
        name = type(estimator).__name__
        estimator.save(path_of(name))
        expected[name] = outputs(estimator, expected["X"])
        expected[f"{name} history"] = json.dumps(estimator.history_)
    np.savez_compressed(EXPECTED, **expected)


if __name__ == "__main__":
    main()
