"""Warnings point to the line of code of the user."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from relcon_sklearn._utils._warnings import warn
from tests.support.estimators import tiny_distance


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


def fit_alone(distance, X, groups):
    distance.fit(X, groups=groups)


def fit_as_last_step(distance, X, groups):
    make_pipeline(distance).fit(X, learnedmotifdistance__groups=groups)


def fit_as_first_step(distance, X, groups):
    pipeline = make_pipeline(distance, LogisticRegression())
    pipeline.fit(X, np.arange(len(X)) % 2, learnedmotifdistance__groups=groups)


def fit_in_cross_validation(distance, X, groups):
    cross_val_score(distance, X, cv=[(np.arange(9), np.arange(9, 12))], params={"groups": groups})


@pytest.mark.parametrize(
    "fit", [fit_alone, fit_as_last_step, fit_as_first_step, fit_in_cross_validation]
)
def test_frames_of_scikit_learn_and_joblib_are_skipped(motion, fit):
    X, _, _ = motion
    distance = tiny_distance(validation_fraction=0.5)
    warning = caught_in(lambda: fit(distance, X[:12], np.zeros(12)))
    assert warning.filename == __file__
    assert "validation_fraction=0.5" in str(warning.message)


def test_a_stack_of_only_the_package_is_no_error(monkeypatch):
    monkeypatch.setattr("relcon_sklearn._utils._warnings._LIBRARY_FOLDERS", ("",))
    assert str(caught_in(lambda: warn("careful")).message) == "careful"
