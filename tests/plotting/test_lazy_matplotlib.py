"""Matplotlib is imported when something is drawn, with a clear error if it is not installed.

That importing the package does not load it is tested in tests/test_public.py.
"""

import sys

import numpy as np
import pytest

import relcon_sklearn.plotting
from relcon_sklearn.plotting import (
    CandidateRankingDisplay,
    EmbeddingMapDisplay,
    ModelComparisonDisplay,
    MotifMatchDisplay,
    RelativeSimilarityDisplay,
    TimelineDisplay,
    TrainingCurveDisplay,
)

DISPLAYS = [getattr(relcon_sklearn.plotting, name) for name in relcon_sklearn.plotting.__all__]


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display.__name__)
def test_all_displays_have_the_same_documented_methods(display):
    assert display.__name__.endswith("Display")
    for method in [name for name in vars(display) if not name.startswith("_")]:
        assert getattr(display, method).__doc__
    assert any(name.startswith("from_") for name in vars(display))
    assert "plot" in vars(display)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: TrainingCurveDisplay.from_history([{"epoch": 1, "train_loss": 1.0}]),
        lambda: TrainingCurveDisplay.from_estimator(None),
        lambda: MotifMatchDisplay.from_estimator(None, None, None),
        lambda: EmbeddingMapDisplay.from_embeddings(np.eye(3), [0, 1, 2]),
        lambda: EmbeddingMapDisplay.from_estimator(None, None, None),
        lambda: CandidateRankingDisplay.from_estimator(None, None, None),
        lambda: ModelComparisonDisplay.from_predictions([0], {}),
        lambda: ModelComparisonDisplay.from_estimators({}, None, None),
        lambda: RelativeSimilarityDisplay.from_estimator(None, None, None),
        lambda: TimelineDisplay.from_timeline(None),
        lambda: TimelineDisplay(timelines={}).plot(),
        lambda: RelativeSimilarityDisplay(distances=[1, 2], similarities=[1, 0]).plot(),
        lambda: ModelComparisonDisplay(scores={}, classes=[]).plot(),
        lambda: TrainingCurveDisplay(histories={}).plot(),
    ],
)
def test_drawing_without_matplotlib_raises_a_clear_error(monkeypatch, draw):
    # None is the entry of a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Display\.\w+ requires matplotlib"):
        draw()
