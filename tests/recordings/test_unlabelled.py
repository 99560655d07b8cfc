"""unlabelled="keep": windows without a label, and what stands for the missing label in y."""

import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from relcon_sklearn import segment_recordings

RATE = 50
# Windows of a second: labelled, unlabelled, impure, labelled.
RUNS = [(0, 50), (None, 50), (0, 25), (1, 25), (1, 50)]


def line(n):
    """Return a recording of one channel whose values are their times, in samples."""
    return np.arange(n, dtype=np.float64)


def labels_of(first, second):
    """Return the labels of `RUNS` with two labels, and None for no label."""
    names = {0: first, 1: second, None: None}
    return [names[code] for code, n in RUNS for _ in range(n)]


def segment(recordings, labels, **kwargs):
    kwargs = {"units": "g", "window": 1.0, "unlabelled": "keep"} | kwargs
    return segment_recordings(recordings, RATE, labels=labels, **kwargs)


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [("sit", "walk", ""), (b"sit", b"walk", b""), (3, 0, -1), (3.0, 0.0, -1), (0.5, 2.0, np.nan)],
)
def test_windows_without_a_label_are_kept(first, second, missing):
    segments = segment(line(200), labels_of(first, second))
    np.testing.assert_array_equal(segments.y, np.array([first, missing, missing, second]))
    assert segments.X[:, 0, 0].tolist() == [0, 50, 100, 150]
    assert segments.start_times.tolist() == [0, 1, 2, 3]
    assert len(segments.groups) == len(segments.hour_groups) == 4
    assert not any(segments.dropped.values())


@pytest.mark.parametrize(("first", "second"), [("sit", "walk"), (3, 0), (0.5, 2.0)])
def test_labelled_windows_are_those_of_the_default(first, second):
    kept = segment(line(200), labels_of(first, second))
    default = segment(line(200), labels_of(first, second), unlabelled="drop")
    labelled = np.isin(kept.start_times, default.start_times)
    np.testing.assert_array_equal(kept.X[labelled], default.X)
    np.testing.assert_array_equal(kept.y[labelled], default.y)
    assert kept.y.dtype == default.y.dtype
    assert default.dropped["windows_unlabelled"] == default.dropped["windows_impure"] == 1


def test_recordings_without_any_label_are_kept():
    y = segment([line(100), line(50)], [None, "walk"]).y
    assert y.tolist() == ["", "", "walk"]
    assert segment(line(100), "").y.tolist() == ["", ""]
    assert segment(line(100), np.full(100, np.nan)).y.tolist() == ["", ""]


def test_windows_are_kept_without_labels():
    assert segment(line(100), None).y is None


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ((True, False), r"The labels are bool, .*unlabelled='keep'.*Convert the labels to str or"),
        ((-1, 1), r"-1 is one of the labels.*unlabelled='keep'"),
        ((-1.0, 1.0), "-1 is one of the labels"),
        ((2**63, 2**63 + 1), "Convert the labels to str"),
    ],
)
def test_labels_that_the_missing_label_would_be_mistaken_for_are_refused(labels, match):
    with pytest.raises(ValueError, match=match):
        segment(line(200), labels_of(*labels))
    assert len(segment(line(200), labels_of(*labels), unlabelled="drop").y) == 2


def test_minus_one_may_be_a_label_among_fractions():
    assert segment(line(200), labels_of(-1.0, 0.5)).y[[0, 3]].tolist() == [-1.0, 0.5]


def test_kept_windows_are_logged(caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segment(line(210), labels_of("sit", "walk") + ["walk"] * 10)
    assert caplog.messages == [
        "4 segments of 50 samples at 50 Hz from 1 of 1 recordings, 2 of them without a label; left "
        "out: seconds_at_ends_of_stretches 0.2"
    ]


def test_integers_train_scikit_learns_self_training():
    X, y, *_ = segment(line(200), labels_of(3, 0))
    model = SelfTrainingClassifier(LogisticRegression(), threshold=0.5).fit(X[..., 0] / 200, y)
    assert model.classes_.tolist() == [0, 3]


def test_strings_train_scikit_learns_self_training():
    X, y, *_ = segment(line(200), labels_of("sit", "walk"))
    y = np.where(y == "", -1, y.astype(object))
    model = SelfTrainingClassifier(LogisticRegression(), threshold=0.5).fit(X[..., 0] / 200, y)
    assert model.classes_.tolist() == ["sit", "walk"]


def test_unlabelled_has_two_values():
    with pytest.raises(ValueError, match=r"'unlabelled' parameter .* must be a str among"):
        segment(line(100), "walk", unlabelled="raise")
