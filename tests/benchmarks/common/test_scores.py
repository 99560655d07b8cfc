"""Scores that several benchmarks report."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.common.scores import macro_f1


def test_macro_f1_is_over_the_labels_that_are_there():
    y, predicted = np.array(["a", "a"]), np.array(["a", "b"])
    assert macro_f1(y, predicted) == pytest.approx(2 / 3)
    assert f1_score(y, predicted, average="macro", zero_division=0) == pytest.approx(1 / 3)
