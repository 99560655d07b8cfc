"""Fingerprints of trainings: equal for the same training, different for any other."""

from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import EpochScoring, LRScheduler

from relcon_sklearn import FeatureDistance, LazyWindows
from relcon_sklearn._batches import GroupIndex
from relcon_sklearn._training._fingerprint import checksum, fingerprint_of, fingerprint_of_data
from relcon_sklearn.segments._array import SegmentArray
from tests.support.estimators import tiny_distance


def test_data():
    recording = np.arange(60.0).reshape(20, 3)
    X = LazyWindows([recording], 5, sampling_rate=50)
    index = GroupIndex.from_labels(np.zeros(4))
    found = fingerprint_of_data(SegmentArray(X), index)
    assert found["X"]["shape"] == [4, 5, 3]
    assert found["X"]["dtype"] == "float32"
    # The sampling rate does not change a training.
    assert fingerprint_of_data(SegmentArray(np.asarray(X)), index) == found


def test_checksums_differ_for_different_arrays():
    arrays = [
        np.arange(4),
        np.arange(4.0),
        np.arange(4).reshape(2, 2),
        np.array(["0", "1"]),
        np.array([0, None], dtype=object),
        np.zeros(0),
    ]
    assert len({checksum(array) for array in arrays}) == len(arrays)
    assert checksum(np.arange(8)[::2]) == checksum(np.arange(8)[::2].copy())


def test_estimators():
    fitted = tiny_distance(max_epochs=0).fit(np.random.default_rng(0).normal(size=(4, 9, 2)))
    other = tiny_distance(max_epochs=0, random_state=1).fit(
        np.random.default_rng(0).normal(size=(4, 9, 2))
    )
    assert fingerprint_of(fitted) == fingerprint_of(clone(fitted))
    frozen = fingerprint_of(FrozenEstimator(fitted))
    assert frozen == fingerprint_of(
        FrozenEstimator(clone(fitted).fit(np.ones((4, 9, 2)).cumsum(1)))
    )
    same_parameters = other.set_params(random_state=0)
    assert frozen != fingerprint_of(FrozenEstimator(same_parameters))


def test_the_rate_of_a_frozen_feature_distance_counts():
    X = np.random.default_rng(0).normal(size=(20, 40, 3))
    found = [
        fingerprint_of(FrozenEstimator(FeatureDistance(rate).fit(X))) for rate in (50, 50.0, 25)
    ]
    assert found[0] == found[1] != found[2]


def test_objects():
    class Thing:
        def __init__(self):
            self.size = np.float32(2)
            self.parts = (torch.zeros(2), {"a": Path("b")})

    found = fingerprint_of(Thing())
    assert found["class"].endswith("Thing")
    assert found["size"] == 2.0
    assert found["parts"][1] == {"a": "b"}
    assert fingerprint_of(Thing()) == found


def test_state_of_the_process_within_an_object_is_ignored():
    class File:
        def __init__(self, name):
            self.name = name

    class Writer:
        def __init__(self, name):
            self.folder, self.files = "log", {"a": File(name)}

    assert fingerprint_of(Writer("12:00")) == fingerprint_of(Writer("12:01"))
    other = Writer("12:00")
    other.folder = "elsewhere"
    assert fingerprint_of(other) != fingerprint_of(Writer("12:00"))


def test_callbacks():
    def found(step_size):
        schedule = LRScheduler("StepLR", step_size=step_size)
        return fingerprint_of([schedule, ("name", EpochScoring("f1"))])

    assert found(3) == found(3)
    assert found(3) != found(4)
