"""RelativeSimilarityDisplay: similarity against distance, by kind of candidate."""

import numpy as np
import pytest
from reference import euclidean
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import FunctionTransformer

from relcon_sklearn.plotting import RelativeSimilarityDisplay

SAME = {
    "same_label": np.array([True, True, False, False, False]),
    "same_group": np.array([True, False, True, False, False]),
}
DISTANCES = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
SIMILARITIES = np.array([0.9, 0.8, 0.5, 0.6, -0.1])


def test_points_are_those_of_distance_and_embedder(embedder, motion):
    X, y, subjects = motion
    display = RelativeSimilarityDisplay.from_estimator(
        embedder,
        X[0],
        X[1:],
        labels=y[1:],
        anchor_label=y[0],
        groups=subjects[1:],
        anchor_group=subjects[0],
        label_name="activity",
    )
    distances = embedder.distance_.pairwise(X[:1], X[1:])[0]
    z = embedder.transform(X)
    similarities = cosine_similarity(z[:1], z[1:])[0]
    kinds = {
        "same subject, same activity": (y[1:] == y[0]) & (subjects[1:] == subjects[0]),
        "other subject, same activity": (y[1:] == y[0]) & (subjects[1:] != subjects[0]),
        "same subject, other activity": (y[1:] != y[0]) & (subjects[1:] == subjects[0]),
        "other subject, other activity": (y[1:] != y[0]) & (subjects[1:] != subjects[0]),
    }
    assert list(display.scatters_) == list(kinds)
    for name, rows in kinds.items():
        np.testing.assert_allclose(
            display.scatters_[name].get_offsets(),
            np.column_stack([distances[rows], similarities[rows]]),
            rtol=1e-5,
            atol=1e-6,
        )
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(kinds)
    assert display.ax_.get_xlabel() == "motif distance from the anchor (g²)"
    assert display.ax_.get_ylabel() == "cosine similarity to the anchor"


def test_the_title_says_how_well_the_order_is_kept():
    display = RelativeSimilarityDisplay(distances=DISTANCES, similarities=SIMILARITIES).plot()
    assert display.correlation_ == spearmanr(DISTANCES, SIMILARITIES).statistic
    assert display.correlation_ == pytest.approx(-0.9)
    assert (
        display.ax_.get_title()
        == "Spearman's rank correlation \N{MINUS SIGN}0.90 over 5 candidates"
    )
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("taken", ["lower left", "upper right"])
def test_the_legend_covers_no_points_where_there_is_room(taken):
    side = np.linspace(0.01, 0.3, 20) if taken == "lower left" else np.linspace(0.7, 0.99, 20)
    # A point in the opposite corner, which is not under a legend either, opens the axes.
    distances, similarities = np.append(side, 1 - side.mean()), np.append(side, 1 - side.mean())
    display = RelativeSimilarityDisplay(
        distances=distances, similarities=similarities, same_group=np.arange(21) % 2 == 0
    ).plot()
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    points = display.ax_.transData.transform(np.column_stack([distances, similarities]))
    assert not any(box.contains(x, y) for x, y in points)


def test_no_order_has_no_correlation():
    display = RelativeSimilarityDisplay(distances=[1, 2], similarities=[0.5, 0.5]).plot()
    assert np.isnan(display.correlation_)


def test_colours_say_the_class_and_markers_the_subject():
    display = RelativeSimilarityDisplay(
        distances=DISTANCES, similarities=SIMILARITIES, **SAME
    ).plot()
    looks = {
        name: (
            tuple(s.get_edgecolors()[0]),
            len(s.get_paths()[0].vertices),
            len(s.get_facecolors()),
        )
        for name, s in display.scatters_.items()
    }
    same_same, other_same, same_other, other_other = looks.values()
    assert same_same[0] == other_same[0] != same_other[0] == other_other[0]
    assert same_same[1:] == same_other[1:] != other_same[1:] == other_other[1:]


def test_kinds_that_do_not_occur_are_not_in_the_legend():
    display = RelativeSimilarityDisplay(
        distances=DISTANCES, similarities=SIMILARITIES, same_group=np.zeros(5, dtype=bool)
    ).plot()
    assert list(display.scatters_) == ["other subject"]


def test_distances_of_many_sizes_are_drawn_on_a_log_scale():
    near = RelativeSimilarityDisplay(distances=[1, 2, 5], similarities=[3, 2, 1]).plot()
    far = RelativeSimilarityDisplay(distances=[1, 2, 50], similarities=[3, 2, 1]).plot()
    zero = RelativeSimilarityDisplay(distances=[0, 2, 50], similarities=[3, 2, 1]).plot()
    assert [d.ax_.get_xscale() for d in (near, far, zero)] == ["linear", "log", "linear"]


def test_another_distance(motion, plt):
    X, *_ = motion
    mean = FunctionTransformer(lambda X: X.mean(axis=1))
    figure, ax = plt.subplots()
    display = RelativeSimilarityDisplay.from_estimator(
        mean, X[0], X[1:], distance=euclidean, ax=ax, s=5
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    np.testing.assert_allclose(display.distances, euclidean(X[:1], X[1:])[0])
    assert ax.get_xlabel() == "distance from the anchor"
    assert display.scatters_["candidate"].get_sizes() == [5]
    with pytest.raises(TypeError, match="or pass a distance"):
        RelativeSimilarityDisplay.from_estimator(mean, X[0], X[1:])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"labels": np.zeros(89)}, "labels and anchor_label go together"),
        ({"anchor_group": 3}, "groups and anchor_group go together"),
        ({"groups": [1], "anchor_group": 1}, r"groups has shape \(1,\), but there are 89"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(embedder, motion, kwargs, message, plt):
    X, *_ = motion
    with pytest.raises(ValueError, match=message):
        RelativeSimilarityDisplay.from_estimator(embedder, X[0], X[1:], **kwargs)
    assert plt.get_fignums() == []


def test_arrays_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match=r"similarities \(2,\)"):
        RelativeSimilarityDisplay(distances=DISTANCES, similarities=[1, 2]).plot()
    with pytest.raises(ValueError, match=r"same subject has shape \(5,\) and dtype int64"):
        RelativeSimilarityDisplay(
            distances=DISTANCES, similarities=SIMILARITIES, same_group=np.arange(5)
        ).plot()
