"""Any input: a finite, repeatable result for each segment, or an error that names the input.

Property-based tests (hypothesis). The strategies are in tests/support/hostile_segments.py,
hostile_non_segments.py and hostile_labels.py. An example is one call of a test below: either all
checks of a result, or a check of the error and its text. The examples are the same in every run.
--runslow tries more of them. To try other examples, and even more::

    RELCON_HOSTILE_EXAMPLES=50000 python -m pytest tests/test_hostile_input.py
"""

import functools
import os
import random
import re
import warnings
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from relcon_sklearn.segments._array import LARGEST_VALUE, SegmentArray
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.hostile_labels import (
    bad_groups,
    bad_labels,
    bad_numbers,
    bad_weights,
    good_groups,
    good_labels,
    good_numbers,
    good_weights,
)
from tests.support.hostile_non_segments import refused
from tests.support.hostile_segments import CONTENTS, N_TIMESTEPS, Minimal, cases, rngs, shapes

ESTIMATORS = {
    "LearnedMotifDistance": tiny_distance,
    "RelConEmbedder": tiny_embedder,
    "RelConClassifier": tiny_classifier,
    "RelConRegressor": tiny_regressor,
}

REQUESTED = os.environ.get("RELCON_HOSTILE_EXAMPLES")
# 1000, and 2500 with --runslow.
N_EXAMPLES = int(REQUESTED or 20 * settings().max_examples)

# Number of examples that the current test has tried.
TRIED = Counter()


@pytest.fixture(autouse=True)
def enough_examples(request):
    """Fail if hypothesis tried too few examples because it rejected too many."""
    TRIED.clear()
    yield
    n_examples = request.function.n_examples
    assert TRIED[request.node.originalname] >= 0.8 * n_examples


def with_examples(share, names=tuple(ESTIMATORS), **strategies):
    """Run a test with `share` of every thousand examples, for each estimator."""
    n_examples = max(1, round(N_EXAMPLES * share / 1000))

    def decorate(test):
        @functools.wraps(test)
        def counted(name, **drawn):
            test(name, **drawn)
            TRIED[test.__name__] += 1

        counted.n_examples = n_examples
        chosen = settings(
            max_examples=n_examples,
            derandomize=not REQUESTED,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        return pytest.mark.parametrize("name", names)(chosen(given(**strategies)(counted)))

    return decorate


# ---------------------------------------------------------------- checks of every example


def rng_states():
    kind, keys, *others = np.random.get_state()  # noqa: NPY002
    return kind, keys.tobytes(), *others, random.getstate(), torch.get_rng_state().numpy().tobytes()


@contextmanager
def nothing_else_happens(*memory):
    """Check for warnings, draws from global generators and changes of the input arrays."""
    states, contents = rng_states(), [array.tobytes() for array in memory]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # These warnings are documented, and frequent with so few and short segments.
        warnings.filterwarnings("ignore", "The median magnitude of ", UserWarning)
        warnings.filterwarnings("ignore", "Gravity is missing in ", UserWarning)
        warnings.filterwarnings("ignore", "X seems to be in ", UserWarning)
        warnings.filterwarnings("ignore", "X is constant over time", UserWarning)
        warnings.filterwarnings("ignore", "validation_fraction=", UserWarning)
        warnings.filterwarnings("ignore", r"\w+ of shape .* is read as", UserWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        warnings.filterwarnings("ignore", "X has segments of ", UserWarning)
        warnings.filterwarnings("ignore", "A column-vector y was passed", UserWarning)
        yield
    assert rng_states() == states
    assert [array.tobytes() for array in memory] == contents


def check_refused(call, message):
    """Check that a call raises a ValueError or TypeError with our message."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 (of the very types below)
        call()
    assert type(caught.value) in (ValueError, TypeError), repr(caught.value)
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


def output(fitted, X):
    names = ["transform", "predict_proba", "predict"]
    return getattr(fitted, next(name for name in names if hasattr(fitted, name)))(X)


def raw_output(fitted, X):
    """Return what is computed from each segment in float32."""
    return fitted._outputs(X) if hasattr(fitted, "head_") else fitted.transform(X)


def check_output(fitted, found, n):
    n_columns = {"RelConRegressor": (), "RelConClassifier": (2,)}.get(type(fitted).__name__, (8,))
    assert type(found) is np.ndarray
    assert found.shape == (n, *n_columns)
    assert found.dtype == ("f8" if n_columns == () else "f4")
    assert np.isfinite(found).all()


def allowance(fitted, X, expected):
    """Return the allowed difference of results computed from batches of different shapes.

    Kernels then add terms in another order, so the last of the seven digits of a float32 term may
    differ. The terms of an embedding or distance are as large as their sum. The terms of a
    prediction, a sum of the head, may be larger and cancel.
    """
    size = np.abs(expected).max(axis=1)
    if hasattr(fitted, "head_"):
        with torch.no_grad():
            z = torch.from_numpy(fitted._embed(SegmentArray(X)))
            terms = fitted.head_.standardise(z).abs() @ fitted.head_.out.weight.abs().T
            # The mean of the embeddings is subtracted first.
            scale = (fitted.head_.standardise.mean / fitted.head_.standardise.scale).abs()
            terms += fitted.head_.out.weight.abs() @ scale + fitted.head_.out.bias.abs()
        size = terms.max(dim=1).values.numpy()
    return 1e-5 * size[:, None]


def check_rows_are_independent(fitted, X, rng):
    """Check that results do not depend on the order of segments, or on the other segments."""
    together = raw_output(fitted, X)
    allowed = allowance(fitted, X, together)
    alone = np.concatenate([raw_output(fitted, X[[i]]) for i in range(len(X))])
    assert (np.abs(alone - together) <= allowed).all()
    order = rng.permutation(len(X))
    assert (np.abs(raw_output(fitted, X[order]) - together[order]) <= allowed[order]).all()


# ---------------------------------------------------------------- models of any number of channels

GROUPS = np.arange(16) // 4


def targets(name, rng, n):
    return np.arange(n) % 2 if name == "RelConClassifier" else rng.normal(size=n)


@functools.cache
def model(name, n_channels):
    rng = np.random.default_rng(n_channels)
    X = rng.normal(size=(16, N_TIMESTEPS, n_channels))
    return ESTIMATORS[name](max_epochs=1).fit(X, targets(name, rng, 16), groups=GROUPS)


channels = st.integers(1, 12)


# ---------------------------------------------------------------- results of models


@with_examples(100, n_channels=channels, data=st.data())
def test_numbers_of_any_dtype_and_memory_layout(name, n_channels, data):
    fitted, case = model(name, n_channels), data.draw(cases(n_channels))
    with nothing_else_happens(*case.memory):
        if case.plain is None:
            check_refused(lambda: output(fitted, case.X), case.message)
            return
        found = output(fitted, case.X)
        check_output(fitted, found, len(case.plain))
        # The second call also gives the same result.
        np.testing.assert_array_equal(output(fitted, case.plain), found)
        check_rows_are_independent(fitted, case.plain, data.draw(rngs))


@with_examples(30, n_channels=channels, data=st.data())
def test_objects_that_are_not_arrays_of_segments(name, n_channels, data):
    fitted, case = model(name, n_channels), data.draw(refused(n_channels))
    with nothing_else_happens():
        check_refused(lambda: output(fitted, case.X), case.message)


@with_examples(15, n_channels=channels, data=st.data())
def test_huge_segments_do_not_affect_others(name, n_channels, data):
    shape, rng = data.draw(shapes(n_channels, st.integers(1, 64))), data.draw(rngs)
    X = rng.normal(size=shape).astype(np.float32)
    some = data.draw(st.sampled_from(["the largest", "constant and the largest", "all scales"]))
    both = np.concatenate([X, CONTENTS[some](rng, shape).astype(np.float32)])
    order = rng.permutation(len(both))
    fitted = model(name, n_channels)
    with nothing_else_happens(both):
        check_output(fitted, output(fitted, both), len(both))
        expected = raw_output(fitted, X)
        found = np.empty_like(raw_output(fitted, both))
        found[order] = raw_output(fitted, both[order])
        with_groups = {"groups": np.arange(len(both)) // 4} if name == "RelConEmbedder" else {}
        assert np.isfinite(fitted.score(both, targets(name, rng, len(both)), **with_groups))
    assert np.isfinite(found).all()
    assert (np.abs(found[: len(X)] - expected) <= allowance(fitted, X, expected)).all()


@with_examples(20, names=["LearnedMotifDistance"], n_channels=channels, lengths=st.data(), rng=rngs)
def test_pairwise(name, n_channels, lengths, rng):
    distance, short = model(name, n_channels), st.integers(1, 40)
    anchors, candidates = (
        lengths.draw(cases(n_channels, short, poison=st.just(False))) for _ in range(2)
    )
    bad = lengths.draw(refused(n_channels).filter(lambda case: case.X is not None))
    # Tables of another length than in the fit are refused.
    assume(anchors.plain is not None and candidates.plain is not None)
    with nothing_else_happens(*anchors.memory, *candidates.memory):
        found = distance.pairwise(anchors.X, candidates.X)
        assert found.shape == (len(anchors.plain), len(candidates.plain))
        assert found.dtype == "f4"
        assert np.isfinite(found).all()
        plain = distance.pairwise(anchors.plain, candidates.plain)
        np.testing.assert_array_equal(plain, found)
        order = rng.permutation(len(anchors.plain))
        np.testing.assert_array_equal(
            distance.pairwise(anchors.plain[order], candidates.plain), plain[order]
        )
        message = bad.message.replace("^X", "^X_candidate")
        check_refused(lambda: distance.pairwise(anchors.plain, bad.X), message)


@with_examples(15, names=["LearnedMotifDistance"], n_channels=channels, data=st.data())
def test_explanations(name, n_channels, data):
    distance, shape = model(name, n_channels), data.draw(shapes(n_channels, st.integers(1, 40)))
    anchors, candidates = (
        CONTENTS[data.draw(st.sampled_from(sorted(CONTENTS)))](data.draw(rngs), shape)
        for _ in range(2)
    )
    bad = data.draw(refused(n_channels))
    with nothing_else_happens(anchors, candidates):
        reconstructed = distance.reconstruct(anchors, candidates)
        assert reconstructed.shape == shape
        assert np.isfinite(reconstructed).all()
        weights = distance.attention_map(anchors, candidates)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        check_refused(lambda: distance.reconstruct(anchors, bad.X), "^candidate .*")


# ---------------------------------------------------------------- fits


def fit(name, X, y=None, n=2, **kwargs):
    """Fit a small model to `n` segments."""
    if y is None:
        y = targets(name, np.random.default_rng(0), n)
    settings = {"max_epochs": 1, "batch_size": 4, "lr": 1e-3}
    return ESTIMATORS[name](**(settings | kwargs.pop("settings", {}))).fit(X, y, **kwargs)


@with_examples(15, n_channels=channels, data=st.data())
def test_fit_to_numbers_of_any_dtype_and_memory_layout(name, n_channels, data):
    lengths = st.one_of(st.integers(1, 24), st.integers(1, 24), st.just(200))
    case = data.draw(cases(n_channels, lengths, min_segments=2, fitting=True))
    n = len(case.memory[0])
    others = {"n": n, "groups": np.arange(n) % data.draw(st.integers(1, 3))}
    with nothing_else_happens(*case.memory):
        if case.plain is None:
            check_refused(lambda: fit(name, case.X, **others), case.message)
            return
        fitted, again = (fit(name, X, **others) for X in (case.X, case.plain))
        found = output(fitted, case.plain)
        assert np.isfinite(found).all()
        assert len(found) == n
        np.testing.assert_array_equal(output(again, case.plain), found)
        assert again.history_ == fitted.history_


@with_examples(8, n_channels=channels, data=st.data())
def test_fit_to_objects_that_are_not_arrays_of_segments(name, n_channels, data):
    case = data.draw(refused(n_channels, fitting=True))
    # Targets are counted before a lazy array's rows are read.
    lazy = isinstance(case.X, Minimal) and isinstance(case.X.shape, tuple)
    y = np.arange(case.X.shape[0] if lazy and case.X.shape[0] > 0 else 3) % 2
    settings = {"n_within": 0} if name == "RelConEmbedder" else {}
    with nothing_else_happens():
        check_refused(lambda: fit(name, case.X, y, settings=settings), case.message)


few = st.integers(4, 7)


def some_segments(n):
    return np.random.default_rng(n).normal(size=(n, 5, 2))


def same_partition(codes, others):
    return np.array_equal(codes[:, None] == codes, others[:, None] == others)


@with_examples(20, n=few, data=st.data())
def test_groups(name, n, data):
    X, groups = some_segments(n), data.draw(good_groups(n))
    index = ESTIMATORS[name]()._check_groups(groups.value, n)
    found = np.empty(n, int)
    found[index.rows] = np.repeat(np.arange(len(index)), index.sizes)
    assert same_partition(found, groups.meaning)
    others = {}
    if name in ("RelConClassifier", "RelConRegressor") and data.draw(st.booleans()):
        others["sample_weight"] = np.arange(n) != n - 1
    with nothing_else_happens():
        fitted = fit(name, X, n=n, groups=groups.value, settings={"max_epochs": 0}, **others)
        assert np.isfinite(output(fitted, X)).all()
        if name == "RelConEmbedder":
            assert np.isfinite(fitted.score(X, groups=groups.value))


@with_examples(15, n=few, data=st.data())
def test_bad_groups(name, n, data):
    X, groups = some_segments(n), data.draw(bad_groups(n))
    with nothing_else_happens():
        check_refused(lambda: fit(name, X, n=n, groups=groups.value), groups.message)


@with_examples(30, names=["RelConClassifier"], n=few, data=st.data())
def test_classes(name, n, data):
    X, y = some_segments(n), data.draw(good_labels(n))
    with nothing_else_happens():
        fitted = fit(name, X, y.value)
        assert len(fitted.classes_) == len(np.unique(y.meaning))
        assert same_partition(fitted._check_labels(y.value)[1], y.meaning)
        assert set(fitted.predict(X)) <= set(fitted.classes_)
        assert np.isfinite(fitted.predict_proba(X)).all()


@with_examples(30, names=["RelConClassifier"], n=few, data=st.data())
def test_bad_classes(name, n, data):
    X, y = some_segments(n), data.draw(bad_labels(n))
    with nothing_else_happens():
        check_refused(lambda: ESTIMATORS[name](max_epochs=1).fit(X, y.value), y.message)


@with_examples(30, names=["RelConRegressor"], n=few, scaled=st.booleans(), data=st.data())
def test_targets(name, n, scaled, data):
    X, y = some_segments(n), data.draw(good_numbers(n))
    settings = {"scale_targets": scaled}
    with nothing_else_happens():
        if not scaled and float(np.abs(y.meaning).max()) > LARGEST_VALUE:
            message = "^y contains a value too large to compute with: "
            check_refused(lambda: fit(name, X, y.value, settings=settings), message)
            return
        found = fit(name, X, y.value, settings=settings).predict(X)
        assert found.shape == y.meaning.shape
        assert np.isfinite(found).all()
        # Any other dtype gives the same result as float64.
        again = fit(name, X, y.meaning.astype("f8"), settings=settings).predict(X)
        np.testing.assert_array_equal(found, again)


@with_examples(30, names=["RelConRegressor"], n=few, data=st.data())
def test_bad_targets(name, n, data):
    X, y = some_segments(n), data.draw(bad_numbers(n))
    with nothing_else_happens():
        check_refused(lambda: ESTIMATORS[name](max_epochs=1).fit(X, y.value), y.message)


FINE_TUNERS = ["RelConClassifier", "RelConRegressor"]


@with_examples(15, names=FINE_TUNERS, n=few, balanced=st.booleans(), data=st.data())
def test_weights(name, n, balanced, data):
    X, weights = some_segments(n), data.draw(good_weights(n))
    settings = {"class_weight": "balanced"} if balanced and name == "RelConClassifier" else {}
    with nothing_else_happens():
        fitted = fit(name, X, n=n, sample_weight=weights.value, settings=settings)
        found = output(fitted, X)
        assert np.isfinite(found).all()
        again = fit(name, X, n=n, sample_weight=weights.meaning.astype("f8"), settings=settings)
        np.testing.assert_array_equal(output(again, X), found)


@with_examples(15, names=FINE_TUNERS, n=few, data=st.data())
def test_bad_weights(name, n, data):
    X, weights = some_segments(n), data.draw(bad_weights(n))
    with nothing_else_happens():
        check_refused(lambda: fit(name, X, n=n, sample_weight=weights.value), weights.message)
