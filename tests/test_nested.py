"""What estimators pass to nested estimators: checked segments, and names of columns."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder
from relcon_sklearn.segments._array import SegmentArray
from tests.support.estimators import tiny_distance, tiny_embedder


@pytest.fixture
def scans(monkeypatch):
    """Return a list to which each scan of a whole array adds an entry."""
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


class Doubling(LearnedMotifDistance):
    """A user's subclass of the distance, which computes with the array that is passed."""

    def fit(self, X, y=None, groups=None):
        return super().fit(np.asarray(X) * 2, groups=groups)


class FirstHalf(RelConEmbedder):
    """A user's subclass of the embedder, which computes with the array that is passed."""

    def fit(self, X, y=None, groups=None):
        half = len(X) // 2
        return super().fit(X[:half], groups=groups[:half])


class Nearest(TransformerMixin, BaseEstimator):
    """A user's distance that is not a subclass."""

    def fit(self, X, y=None, groups=None):
        self.mean_ = np.asarray(X).mean()
        return self

    def transform(self, X):
        return np.zeros((len(X), 1))

    def __call__(self, anchors, candidates):
        return np.abs(anchors.mean((1, 2))[:, None] - candidates.mean((1, 2)) + self.mean_)


@pytest.mark.parametrize("distance", [Doubling(embed_dim=4, max_epochs=1), Nearest()])
@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_a_user_defined_fit_gets_the_array_that_was_passed(motion, distance, weight):
    X, y, subjects = motion
    tiny_embedder(distance=distance).fit(X, groups=subjects)
    weights = np.ones(len(X))
    weights[:3] = weight
    embedder = FirstHalf(**tiny_embedder(distance=distance).get_params(deep=False))
    classifier = RelConClassifier(embedder, max_epochs=1, random_state=0)
    classifier.fit(X, y, sample_weight=weights, groups=subjects)
