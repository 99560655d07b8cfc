"""RelativeSimilarityDisplay: similarity against distance, by kind of candidate."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import FunctionTransformer

from relcon_sklearn.plotting import RelativeSimilarityDisplay
from tests.support.reference import euclidean

MINUS, RHO = "\N{MINUS SIGN}", "\N{GREEK SMALL LETTER RHO}"

SAME = {
    "same_label": np.array([True, True, False, False, False]),
    "same_group": np.array([True, False, True, False, False]),
}
DISTANCES = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
SIMILARITIES = np.array([0.9, 0.8, 0.5, 0.6, -0.1])


def test_points_are_distances_and_similarities(embedder, motion):
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


def test_the_title_has_the_correlation():
    display = RelativeSimilarityDisplay(distances=DISTANCES, similarities=SIMILARITIES).plot()
    assert display.correlation_ == spearmanr(DISTANCES, SIMILARITIES).statistic
    assert display.correlation_ == pytest.approx(-0.9)
    assert display.ax_.get_title() == f"Spearman's {RHO} = {MINUS}0.90 (n = 5)"
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("taken", ["lower left", "upper right"])
def test_the_legend_covers_no_points_where_there_is_room(taken):
    side = np.linspace(0.01, 0.3, 20) if taken == "lower left" else np.linspace(0.7, 0.99, 20)
    # A point in the opposite corner, where there is no legend either, sets the limits of the axes.
    distances, similarities = np.append(side, 1 - side.mean()), np.append(side, 1 - side.mean())
    display = RelativeSimilarityDisplay(
        distances=distances, similarities=similarities, same_group=np.arange(21) % 2 == 0
    ).plot()
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    points = display.ax_.transData.transform(np.column_stack([distances, similarities]))
    assert not any(box.contains(x, y) for x, y in points)


def test_constant_similarities_have_no_correlation():
    display = RelativeSimilarityDisplay(distances=[1, 2], similarities=[0.5, 0.5]).plot()
    assert np.isnan(display.correlation_)
    assert display.ax_.get_title() == f"Spearman's {RHO} undefined (n = 2)"


@pytest.mark.parametrize("name", ["distances", "similarities"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(name, value, plt):
    arrays = {"distances": DISTANCES, "similarities": SIMILARITIES}
    arrays[name] = np.where(np.arange(5) == 2, value, arrays[name])
    with pytest.raises(ValueError, match=f"{name} must be finite numbers. Remove"):
        RelativeSimilarityDisplay(**arrays).plot()
    assert plt.get_fignums() == []


def test_colours_show_the_class_and_markers_the_subject():
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
    # Without the legend, the kind of the points would be unknown.
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["other subject"]


def test_distances_of_different_magnitudes_have_a_log_scale():
    near = RelativeSimilarityDisplay(distances=[1, 2, 5], similarities=[3, 2, 1]).plot()
    far = RelativeSimilarityDisplay(distances=[1, 2, 50], similarities=[3, 2, 1]).plot()
    zero = RelativeSimilarityDisplay(distances=[0, 2, 50], similarities=[3, 2, 1]).plot()
    assert [d.ax_.get_xscale() for d in (near, far, zero)] == ["linear", "log", "linear"]


def ticks(display):
    """Return the ticks of the x axis within its limits."""
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    return [tick for tick in display.ax_.get_xticks() if low <= tick <= high]


@pytest.mark.parametrize(
    ("distances", "figsize", "expected"),
    [
        ([7, 90], (6.5, 4.6), [10, 20, 50, 100]),
        ([7, 90], (2.5, 2.5), [10, 30, 100]),
        ([0.8, 1100], (6.5, 4.6), [1, 10, 100, 1000]),
    ],
)
def test_ticks_of_a_log_scale_do_not_overlap(plt, distances, figsize, expected):
    _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display = RelativeSimilarityDisplay(distances=distances, similarities=[1, 0]).plot(ax=ax)
    np.testing.assert_allclose(ticks(display), expected)
    labels = [label for label in ax.get_xticklabels() if label.get_text()]
    low, high = ax.get_window_extent().intervalx
    boxes = [label.get_window_extent() for label in labels]
    boxes = [box for box in boxes if low <= (box.x0 + box.x1) / 2 <= high]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_legend_of_long_names_covers_no_points():
    display = RelativeSimilarityDisplay(
        distances=DISTANCES,
        similarities=SIMILARITIES,
        label_name="activity of daily living as annotated",
        group_name="participant of the study",
        **SAME,
    ).plot()
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert not legend.overlaps(display.ax_.get_window_extent())
    assert legend.y0 >= 0


def test_units_are_squared(embedder, motion):
    X, *_ = motion
    display = RelativeSimilarityDisplay.from_estimator(embedder, X[0], X[1:], unit="m/s²")
    assert display.ax_.get_xlabel() == "motif distance from the anchor (m/s²)²"


@pytest.mark.parametrize("keyword", ["lw", "linewidth", "linewidths"])
def test_aliases_of_keywords_are_accepted(keyword):
    display = RelativeSimilarityDisplay(
        distances=DISTANCES, similarities=SIMILARITIES, **SAME
    ).plot(**{keyword: 2})
    assert {tuple(points.get_linewidths()) for points in display.scatters_.values()} == {(2,)}


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ({"color": "k"}, "colours show the labels"),
        ({"c": "k"}, "colours show the labels"),
        ({"facecolors": "k"}, "colours show the labels"),
        ({"ec": "k"}, "colours show the labels"),
        ({"marker": "x"}, "markers show the groups"),
        ({"label": "mine"}, "names in the legend"),
    ],
)
def test_keywords_that_would_hide_the_kinds_are_refused(keyword, message, plt):
    display = RelativeSimilarityDisplay(distances=DISTANCES, similarities=SIMILARITIES, **SAME)
    with pytest.raises(ValueError, match=message):
        display.plot(**keyword)
    assert plt.get_fignums() == []


def test_without_groups_the_marker_can_be_set():
    display = RelativeSimilarityDisplay(
        distances=DISTANCES, similarities=SIMILARITIES, same_label=SAME["same_label"]
    ).plot(marker="x")
    seen = [tuple(points.get_edgecolors()[0]) for points in display.scatters_.values()]
    assert len(set(seen)) == 2


@pytest.mark.parametrize(
    ("groups", "anchor_group", "message"),
    [
        (np.zeros(89, dtype=int), "0", "anchor_group='0' is a string, but groups holds numbers"),
        (np.full(89, "0"), 0, "anchor_group=0 is a number, but groups holds strings"),
        (np.full(89, "0", dtype=object), 0, "anchor_group=0 is a number, but groups holds strings"),
    ],
)
def test_an_anchor_of_another_type_than_all_candidates_is_refused(
    embedder, motion, groups, anchor_group, message
):
    X, *_ = motion
    with pytest.raises(ValueError, match=message):
        RelativeSimilarityDisplay.from_estimator(
            embedder, X[0], X[1:], groups=groups, anchor_group=anchor_group
        )


@pytest.mark.parametrize("dtype", [str, object])
def test_strings_of_any_array_are_compared(embedder, motion, dtype):
    X, y, _ = motion
    display = RelativeSimilarityDisplay.from_estimator(
        embedder, X[0], X[1:], labels=y[1:].astype(dtype), anchor_label=str(y[0])
    )
    np.testing.assert_array_equal(display.same_label, y[1:] == y[0])


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
    with pytest.raises(TypeError, match="pass a distance"):
        RelativeSimilarityDisplay.from_estimator(mean, X[0], X[1:])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"labels": np.zeros(89)}, "labels and anchor_label must be passed together"),
        ({"anchor_group": 3}, "groups and anchor_group must be passed together"),
        ({"groups": [1], "anchor_group": 1}, r"groups has shape \(1,\), but there are 89"),
    ],
)
def test_invalid_labels_and_groups_are_refused(embedder, motion, kwargs, message, plt):
    X, *_ = motion
    with pytest.raises(ValueError, match=message):
        RelativeSimilarityDisplay.from_estimator(embedder, X[0], X[1:], **kwargs)
    assert plt.get_fignums() == []


def test_invalid_arrays_are_refused():
    with pytest.raises(ValueError, match=r"similarities \(2,\)"):
        RelativeSimilarityDisplay(distances=DISTANCES, similarities=[1, 2]).plot()
    with pytest.raises(ValueError, match=r"same subject has shape \(5,\) and dtype int64"):
        RelativeSimilarityDisplay(
            distances=DISTANCES, similarities=SIMILARITIES, same_group=np.arange(5)
        ).plot()
