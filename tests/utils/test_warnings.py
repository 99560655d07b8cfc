"""Warnings point to the line of code of the user."""

import warnings

import pytest
from sklearn.pipeline import make_pipeline

from relcon_sklearn._utils._warnings import warn
from tests.support.reference import tiny_distance


def caught_in(function):
    """Return the one warning of a function."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    (warning,) = caught
    return warning


def test_it_points_at_the_first_frame_outside_of_the_package():
    warning = caught_in(lambda: warn("careful", RuntimeWarning))
    assert warning.filename == __file__
    assert warning.category is RuntimeWarning
    assert str(warning.message) == "careful"


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_frames_of_scikit_learn_are_passed_over(motion, in_pipeline):
    X, _, _ = motion
    distance, keyword = tiny_distance(validation_fraction=0.5), "groups"
    if in_pipeline:
        distance, keyword = make_pipeline(distance), "learnedmotifdistance__groups"
    warning = caught_in(lambda: distance.fit(X, **{keyword: [0] * len(X)}))
    assert warning.filename == __file__
    assert "validation_fraction=0.5" in str(warning.message)


def test_a_stack_of_only_the_package_is_no_error(monkeypatch):
    monkeypatch.setattr("relcon_sklearn._utils._warnings._LIBRARY_FOLDERS", ("",))
    assert str(caught_in(lambda: warn("careful")).message) == "careful"
