"""What estimators hand to estimators within them: segments that were checked, names of columns."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import RelConClassifier
from relcon_sklearn.segments._array import SegmentArray
from tests.support.reference import tiny_distance, tiny_embedder


@pytest.fixture
def scans(monkeypatch):
    """Return a list that gets an entry for each scan of a whole array."""
    seen, check = [], SegmentArray.check

    def counted(array):
        seen.append(array.name)
        check(array)

    monkeypatch.setattr(SegmentArray, "check", counted)
    return seen


def frozen_distance(X):
    return FrozenEstimator(tiny_distance().fit(X))


@pytest.mark.parametrize("make_distance", [lambda X: tiny_distance(), frozen_distance])
def test_an_embedder_scans_its_segments_once(motion, scans, make_distance):
    X, _, subjects = motion
    embedder = tiny_embedder(distance=make_distance(X))
    scans.clear()
    embedder.fit(X, groups=subjects)
    assert scans == ["X"]


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_a_classifier_that_pretrains_scans_its_segments_once(motion, scans, weight):
    X, y, subjects = motion
    weights = np.ones(len(X))
    weights[:3] = weight
    classifier = RelConClassifier(tiny_embedder(), max_epochs=1, random_state=0)
    classifier.fit(X, y, sample_weight=weights, groups=subjects)
    assert scans == ["X"]


def test_names_of_columns_reach_the_distance(motion):
    pd = pytest.importorskip("pandas")
    X, _, subjects = motion
    frame = pd.DataFrame(X[:, :, 0]).rename(columns=lambda i: f"t{i}")
    embedder = tiny_embedder(distance=tiny_distance()).fit(frame, groups=subjects)
    assert list(embedder.distance_.feature_names_in_) == list(frame.columns)
    assert embedder.distance_.n_features_in_ == frame.shape[1]
