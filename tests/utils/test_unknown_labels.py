"""A warning tells of labels that a classifier does not know, but not of a class it never saw."""

import warnings

import numpy as np
import pytest

from relcon_sklearn import RelConClassifier
from relcon_sklearn._utils._unknown_labels import warn_of_unknown_labels

CLASSES = ["lying", "sitting", "walking"]


@pytest.mark.parametrize(
    ("labels", "classes", "text"),
    [
        ([0, 1], CLASSES, "none of 0, 1 is among 'lying', 'sitting', 'walking', so"),
        ([0], CLASSES, "none of 0 is among"),
        (["lying"], [0, 1], "none of 'lying' is among 0, 1"),
        (["gehen", "sitzen"], CLASSES, "none of 'gehen', 'sitzen' is among"),
        (["Walking"], CLASSES, "'Walking' for 'walking'. Case, spaces and type matter"),
        (["lying", "Sitting", "walking "], CLASSES, "'Sitting' for 'sitting', 'walking ' for 'wa"),
        (["0", "1"], [0, 1], "'0' for 0, '1' for 1"),
        (list("abcdefg"), CLASSES, "'e' and 2 more"),
    ],
)
def test_labels_that_are_no_classes(labels, classes, text):
    with pytest.warns(UserWarning, match=f"^Labels of y are not classes of the model: .*{text}"):
        warn_of_unknown_labels(labels, classes)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (CLASSES, CLASSES),
        (["lying"], CLASSES),
        (["rowing"], CLASSES),  # of one person, in cross-validation
        (["lying", "rowing", "running", "skiing"], CLASSES),
        ([4], [0, 1]),
        ([1.0, 0.0], [0, 1]),
        ([False, True], [0, 1]),
    ],
)
def test_labels_that_a_test_part_may_have(labels, classes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unknown_labels(labels, classes)


def test_the_way_to_silence_it():
    with pytest.warns(UserWarning, match=r"message='Labels of y are not classes'\)"):
        warn_of_unknown_labels([0], CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Labels of y are not classes")
        warn_of_unknown_labels([0], CLASSES)


def test_a_score_of_labels_of_another_type():
    X = np.random.default_rng(0).normal(size=(4, 32, 3)).astype(np.float32)
    model = RelConClassifier(max_epochs=0, validation_fraction=0, random_state=0)
    model.fit(X, ["0", "1", "0", "1"])
    with (
        pytest.warns(UserWarning, match="0 for '0', 1 for '1'"),
        pytest.raises(ValueError, match="Mix of label"),
    ):
        model.score(X, [0, 1, 0, 1])
    with pytest.warns(UserWarning, match="' 1' for '1'"):
        assert model.score(X[1:2], [" 1"]) == 0
