"""Concurrent fits and transforms, in processes and threads, give the same results as serial ones.

The results are bit-identical if torch computes with the same number of threads, which determines
the order of sums.
"""

import threading

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import RandomAugmentations
from tests.support.dropout_encoder import DropoutEncoder
from tests.support.estimators import (
    score_of,
    tiny_classifier,
    tiny_distance,
    tiny_embedder,
    tiny_regressor,
)
from tests.support.reference import euclidean

N_AT_ONCE = 8


def quick_embedder(**kwargs):
    return tiny_embedder(**({"max_epochs": 1, "distance": tiny_distance(max_epochs=1)} | kwargs))


def quick_classifier(**kwargs):
    return tiny_classifier(**({"max_epochs": 3, "batch_size": 16} | kwargs))


# Models to fit, each with parameters for a grid search.
MODELS = {
    "embedder in a pipeline": (
        lambda: make_pipeline(quick_embedder(n_within=0), StandardScaler(), LogisticRegression()),
        {"relconembedder__temperature": [0.1, 0.5], "logisticregression__C": [0.1, 1.0]},
    ),
    "own encoder with dropout in a pipeline": (
        lambda: make_pipeline(
            quick_embedder(encoder=DropoutEncoder, distance=euclidean, n_within=0),
            StandardScaler(),
            LogisticRegression(),
        ),
        {"relconembedder__lr": [0.01, 0.03, 0.1, 0.3]},
    ),
    "distance to all, and nearest neighbours": (
        lambda: make_pipeline(
            tiny_distance(n_references=None), KNeighborsClassifier(3, metric="precomputed")
        ),
        {"learnedmotifdistance__attention": ["softmax", "sparsemax"]},
    ),
    "distances to references": (
        lambda: make_pipeline(tiny_distance(), StandardScaler(), LogisticRegression()),
        {"learnedmotifdistance__embed_dim": [4, 8]},
    ),
    "classifier": (quick_classifier, {"head": ["linear", "mlp"], "freeze": ["none", "encoder"]}),
    "classifier with an own encoder": (
        lambda: quick_classifier(encoder=DropoutEncoder),
        {"lr": [0.01, 0.03, 0.1, 0.3]},
    ),
}


def outputs(model, X):
    """Return all outputs of a model for segments."""
    names = ("transform", "predict", "predict_proba")
    return [getattr(model, name)(X) for name in names if hasattr(model, name)]


def assert_same(found, expected):
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def search(name, motion, backend, n_jobs):
    X, y, groups = motion
    make, grid = MODELS[name]
    found = GridSearchCV(make(), grid, cv=GroupKFold(2), error_score="raise", n_jobs=n_jobs)
    with joblib.parallel_config(backend, **({} if backend == "threading" else ONE_THREAD)):
        found.fit(X, y, groups=groups)
    scores = {k: v for k, v in found.cv_results_.items() if not k.endswith("_time")}
    return found, scores


# As in this process; see conftest.py.
ONE_THREAD = {"inner_max_num_threads": 1}


@pytest.mark.usefixtures("global_rng_untouched")
@pytest.mark.parametrize("name", MODELS)
def test_grid_search(name, motion):
    X = motion[0]
    serial, expected = search(name, motion, "threading", 1)
    assert len(np.unique(expected["mean_test_score"])) > 1  # the parameters matter
    for backend, n_jobs in (("loky", 2), ("threading", N_AT_ONCE)):
        found, scores = search(name, motion, backend, n_jobs)
        assert scores.keys() == expected.keys()
        for key, values in scores.items():
            np.testing.assert_array_equal(values, expected[key], err_msg=f"{backend}: {key}")
        assert found.best_params_ == serial.best_params_
        assert found.best_score_ == serial.best_score_
        assert_same(
            outputs(found.best_estimator_, X),
            outputs(serial.best_estimator_, X),
        )


def at_once(function, n=N_AT_ONCE):
    """Call ``function(0)`` to ``function(n - 1)`` in separate threads that start together."""
    results, errors, start = [None] * n, [], threading.Barrier(n)

    def call(i):
        start.wait()
        try:
            results[i] = function(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


# All estimators with several settings, some with encoders that draw random numbers.
MIXED = [
    quick_embedder(),
    quick_embedder(candidates="shared", augmentation=RandomAugmentations()),
    quick_embedder(encoder=DropoutEncoder),
    tiny_distance(),
    tiny_distance(attention="softmax"),
    quick_classifier(),
    quick_classifier(encoder=DropoutEncoder),
    tiny_regressor(max_epochs=3, encoder=DropoutEncoder),
]


def fitted(model, motion, seed=0):
    X, y, groups = motion
    target = X.std(axis=1) if "Regressor" in type(model).__name__ else y
    return clone(model).set_params(random_state=seed).fit(X, target, groups=groups)


@pytest.mark.usefixtures("global_rng_untouched")
def test_eight_fits_of_all_kinds_in_threads(motion):
    X = motion[0]
    expected = [fitted(model, motion) for model in MIXED]
    found = at_once(lambda i: fitted(MIXED[i], motion))
    for a, b in zip(found, expected, strict=True):
        assert a.history_ == b.history_
        assert_same(outputs(a, X), outputs(b, X))


@pytest.mark.usefixtures("global_rng_untouched")
@pytest.mark.parametrize("model", MIXED, ids=lambda model: type(model).__name__)
def test_eight_fits_of_one_model_in_threads(model, motion):
    X = motion[0]
    expected = {seed: outputs(fitted(model, motion, seed), X) for seed in (0, 1)}
    assert not np.array_equal(expected[0][-1], expected[1][-1])
    for i, found in enumerate(at_once(lambda i: fitted(model, motion, i % 2))):
        assert_same(outputs(found, X), expected[i % 2])


@pytest.mark.usefixtures("global_rng_untouched")
@pytest.mark.parametrize("model", MIXED, ids=lambda model: type(model).__name__)
def test_eight_uses_of_one_model_in_threads(model, motion):
    X = motion[0]
    used = fitted(model, motion)
    parts = [X[i::N_AT_ONCE] for i in range(N_AT_ONCE)]
    expected = [outputs(used, part) for part in parts]
    for _ in range(5):
        for found, one in zip(at_once(lambda i: outputs(used, parts[i])), expected, strict=True):
            assert_same(found, one)
    if hasattr(model, "transform"):
        score = score_of(used, X, motion[2])
        assert at_once(lambda i: score_of(used, X, motion[2])) == [score] * N_AT_ONCE


def test_use_while_other_models_are_fitted(motion):
    X, used = motion[0], fitted(MIXED[0], motion)
    expected, done = outputs(used, X), threading.Event()

    def work(i):
        if i < 2:
            try:
                return fitted(MIXED[2 + i], motion)
            finally:
                done.set()
        assert_same(outputs(used, X), expected)
        while not done.is_set():
            assert_same(outputs(used, X), expected)
        return None

    found = at_once(work, 5)
    assert_same(outputs(found[0], X), outputs(fitted(MIXED[2], motion), X))


def test_fits_that_start_while_others_rank(motion):
    """Ranking uses its own threads, in which torch has another number of threads."""
    X, _, groups = motion
    frozen = FrozenEstimator(tiny_distance().fit(X, groups=groups))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = quick_embedder(distance=frozen)
        expected = outputs(fitted(model, motion), X)
        found, threads = [], []
        for _ in range(10):
            threads.append(
                threading.Thread(target=lambda: found.append(outputs(fitted(model, motion), X)))
            )
            threads[-1].start()
            threads[-1].join(0.03)
        for thread in threads:
            thread.join()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert len(found) == 10
    for one in found:
        assert_same(one, expected)
