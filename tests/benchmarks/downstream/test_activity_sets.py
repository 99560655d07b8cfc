"""The table of labels of the models of activities."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.common.datasets import Spans
from benchmarks.downstream.activity_sets import (
    CLASSES,
    FILES,
    NOT_TRAINED_ON,
    OTHER,
    SETS,
    SITTING,
    STAIRS,
    task_of,
)
from benchmarks.downstream.activity_windows import find_files
from relcon_sklearn.datasets import load_npz_recordings
from tests.support.paths import SHARED


@pytest.mark.parametrize("name", FILES)
def test_each_label_has_one_class_or_reason(name):
    file = FILES[name]
    assert file.set in SETS
    assert set(file.classes.values()) <= set(CLASSES)
    assert not file.classes.keys() & file.left_out.keys()


def test_every_class_is_trained_on():
    files = [file for file in FILES.values() if file.set != NOT_TRAINED_ON]
    assert {label for file in files for label in file.classes.values()} == set(CLASSES)
    permissive = {"CC BY 4.0", "ODC-By 1.0", "MIT", "BSD"}
    assert {SETS[file.set].licence for file in files} <= permissive


def test_hands_count_on_the_wrist_only():
    assert FILES["wisdm51_watch.npz"].classes["clapping"] == OTHER
    assert "clapping" in FILES["wisdm51_phone.npz"].left_out
    assert "Aplausing" in FILES["umafall_ankle.npz"].left_out


def _recording(*labels):
    names = sorted(set(labels) - {""})
    return SimpleNamespace(labels=[np.array(labels)], label_names=names)


def test_labels_of_windows():
    label = task_of("hapt.npz").label
    # Up and down are both stairs, and have more than half of the first window only.
    samples = ["WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "SITTING", "STAND_TO_SIT", ""]
    data = _recording(*samples)
    spans = Spans(np.zeros(4, dtype=int), np.array([0, 1, 2, 3]), np.array([3, 5, 4, 6]))
    assert label(data, spans).tolist() == [STAIRS, "", SITTING, ""]


def test_unknown_labels_are_refused():
    data = _recording("SITTING", "FLYING")
    with pytest.raises(ValueError, match=r"hapt\.npz has the labels \['FLYING'\]"):
        task_of("hapt.npz").label(data, Spans(*np.zeros((3, 0), dtype=int)))


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_table_has_the_labels_of_the_files(name):
    paths = find_files(SHARED / "data", SHARED / "opendata")
    if name not in paths:
        pytest.skip(f"needs {name}, which is not here")
    names = set(load_npz_recordings(paths[name]).label_names)
    assert names == {*FILES[name].classes, *FILES[name].left_out}
