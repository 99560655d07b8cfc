"""Linear probes of representations, on held-out subjects."""

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.windows import Windows
from benchmarks.downstream.probing import probe, representations


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    y = np.tile(["sitting", "walking"], 40)
    subject = np.repeat([f"s{i}" for i in range(8)], 10)
    X = rng.normal(0, 0.1, (80, 128, 3)).astype(np.float32) + np.float32([0, 0.6, 0.8])
    return Windows(X, y, subject, subject)


@pytest.mark.parametrize("strength", [None, 0.1])
def test_what_separates_the_classes_is_learned(windows, strength):
    Z = (windows.y == "walking")[:, None] + np.random.default_rng(0).normal(0, 0.1, (80, 3))
    found = probe(Z, windows, n_folds=4, strength=strength)
    assert found["macro_f1"] == 1
    assert len(found["folds"]["macro_f1"]) == 4
    assert found["subjects"].keys() == set(windows.subject)


def test_a_subject_is_predicted_by_others(windows):
    """The direction is another one for each subject, so that only the subject itself knows it."""
    columns = np.unique(windows.subject, return_inverse=True)[1]
    Z = np.zeros((80, 8))
    Z[np.arange(80), columns] = np.where(windows.y == "walking", 1, -1)
    assert probe(Z, windows, n_folds=4, strength=10.0)["macro_f1"] < 0.6


def test_representations(windows):
    found = {
        name: represent(windows.X)
        for name, represent in representations("motion-small", windows.X).items()
    }
    assert list(found) == ["motion-small", "untrained", "features", "motion-small + features"]
    both = np.hstack([found["motion-small"], found["features"]])
    np.testing.assert_array_equal(found["motion-small + features"], both)
    assert found["untrained"].shape == found["motion-small"].shape
    assert not np.allclose(found["untrained"], found["motion-small"])
