"""CandidateRankingDisplay: the order of candidates and the texts beside them."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import cosine_similarity

from relcon_sklearn.plotting import CandidateRankingDisplay
from tests.support.reference import euclidean

rank = CandidateRankingDisplay.from_estimator


@pytest.fixture
def segments(motion):
    X, y, _ = motion
    return X[0], X[1:40], y[1:40]


def drawn(display):
    """Return the segments that were drawn, from top to bottom."""
    return [np.column_stack([line.get_ydata() for line in lines]) for lines in display.lines_]


def check_order(display, anchor, candidates, order):
    for segment, expected in zip(drawn(display), [anchor, *candidates[order]], strict=True):
        np.testing.assert_array_equal(segment, expected)


def test_the_nearest_by_the_learned_distance_are_drawn_in_order(embedder, segments):
    anchor, candidates, labels = segments
    distances = embedder.distance_.pairwise(anchor[None], candidates)[0]
    order = np.argsort(distances)[:4]
    for distance in (embedder.distance_, FrozenEstimator(embedder.distance_)):
        display = rank(distance, anchor, candidates, n=4, labels=labels, anchor_label="walking")
        check_order(display, anchor, candidates, order)
        np.testing.assert_allclose(display.scores, distances[order], rtol=1e-6)
    texts = [text.get_text() for text in display.texts_]
    assert texts[0] == "anchor\nwalking"
    for i, row in enumerate(order):
        expected = f"rank {i + 1}\nmotif distance {distances[row]:.3g} g²\n{labels[row]}"
        assert texts[i + 1] == expected
    assert display.ax_.get_title("left") == "Anchor, and 4 of 39 candidates, nearest first"


@pytest.mark.parametrize("wrap", [lambda e: e, FrozenEstimator])
def test_an_embedder_ranks_by_similarity(embedder, segments, wrap):
    anchor, candidates, _ = segments
    z = embedder.transform(candidates)
    similarities = cosine_similarity(embedder.transform(anchor[None]), z)[0]
    order = np.argsort(-similarities)[:3]
    display = rank(wrap(embedder), anchor, candidates, n=3)
    check_order(display, anchor, candidates, order)
    np.testing.assert_allclose(display.scores, similarities[order], rtol=1e-5)
    text = display.texts_[1].get_text()
    assert text == f"rank 1\ncosine similarity {similarities[order[0]]:.3g}"


def test_a_distance_may_be_a_function(segments):
    anchor, candidates, _ = segments
    order = np.argsort(euclidean(anchor[None], candidates)[0])[:5]
    display = rank(euclidean, anchor, candidates)
    check_order(display, anchor, candidates, order)
    assert "\ndistance " in display.texts_[1].get_text()
    assert "g²" not in display.texts_[1].get_text()


def test_spread_shows_nearest_and_farthest(segments):
    anchor, candidates, _ = segments
    order = np.argsort(euclidean(anchor[None], candidates)[0])
    display = rank(euclidean, anchor, candidates, n=3, show="spread")
    assert list(display.ranks) == [1, 20, 39]
    check_order(display, anchor, candidates, order[[0, 19, 38]])


def test_fewer_candidates_than_asked_for(segments):
    anchor, candidates, _ = segments
    for show in ("nearest", "spread"):
        display = rank(euclidean, anchor, candidates[:2], n=5, show=show)
        assert list(display.ranks) == [1, 2]


def test_only_the_drawn_candidates_on_disk_are_kept(embedder, segments, tmp_path):
    anchor, candidates, _ = segments
    np.save(tmp_path / "candidates.npy", candidates)
    mapped = np.load(tmp_path / "candidates.npy", mmap_mode="r")
    display = rank(embedder.distance_, anchor, mapped, n=2)
    expected = rank(embedder.distance_, anchor, candidates, n=2)
    np.testing.assert_array_equal(display.candidates, expected.candidates)
    assert display.candidates.shape == (2, 64, 3)


def test_lists_of_segments(segments):
    anchor, candidates, labels = segments
    display = rank(euclidean, anchor.tolist(), list(candidates), labels=list(labels), n=2)
    assert len(display.axes_) == 3


def test_all_panels_have_the_same_scales_and_labels(embedder, segments):
    anchor, candidates, _ = segments
    display = rank(embedder, anchor, candidates, n=3, sampling_rate=50)
    assert len({ax.get_ylim() for ax in display.axes_}) == 1
    assert len({ax.get_xlim() for ax in display.axes_}) == 1
    np.testing.assert_allclose(display.lines_[0][0].get_xdata(), np.arange(64) / 50)
    assert display.axes_[-1].get_xlabel() == "time (s)"
    assert "acceleration (g)" in [ax.get_ylabel() for ax in display.axes_]
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["x", "y", "z"]


def test_panels_replace_given_axes(segments, plt):
    anchor, candidates, _ = segments
    figure, axes = plt.subplots(1, 2, layout="constrained")
    display = rank(euclidean, anchor, candidates, ax=axes[0], linewidth=3)
    assert display.figure_ is figure
    assert axes[1].axison
    assert display.lines_[0][0].get_linewidth() == 3


def test_units_are_squared(embedder, segments):
    anchor, candidates, _ = segments
    display = rank(embedder.distance_, anchor, candidates, n=1, unit="m/s²")
    assert display.texts_[1].get_text().endswith(" (m/s²)²")
    assert display.axes_[1].get_ylabel() == "acceleration (m/s²)"


def test_all_channels_are_in_the_legend():
    segments = np.random.default_rng(0).normal(size=(4, 64, 6))
    names = [f"{kind} {axis}" for kind in ("acceleration", "angular rate") for axis in "xyz"]
    display = rank(euclidean, segments[0], segments[1:], channel_names=names)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == names
    box, figure = legend.get_window_extent(), display.figure_.bbox
    assert figure.x0 <= box.x0 < box.x1 <= figure.x1
    assert box.y0 > display.ax_.get_window_extent().y0


def test_long_labels_leave_room_for_the_signals(segments):
    anchor, candidates, _ = segments
    labels = [f"a very long label of an activity of daily living, number {i}" for i in range(39)]
    display = rank(euclidean, anchor, candidates, labels=labels, anchor_label=labels[0], n=3)
    display.figure_.canvas.draw()
    width = display.ax_.get_window_extent().width
    assert width > 0.55 * display.figure_.bbox.width
    text = display.texts_[1].get_text()
    assert labels[int(text.split()[-1])] in text.replace("\n", " ")
    assert max(map(len, text.split("\n"))) <= 24
    boxes = [text.get_window_extent() for text in display.texts_]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


def test_the_anchor_is_light_on_white_and_dark_on_black(segments, plt):
    anchor, candidates, _ = segments
    assert rank(euclidean, anchor, candidates).ax_.get_facecolor() == (0, 0, 0, 0.05)
    with plt.style.context("dark_background"):
        assert rank(euclidean, anchor, candidates).ax_.get_facecolor() == (1, 1, 1, 0.05)


def test_names_of_channels_cannot_be_replaced(segments, plt):
    anchor, candidates, _ = segments
    with pytest.raises(ValueError, match="label='mine' is not supported"):
        rank(euclidean, anchor, candidates, label="mine")
    assert plt.get_fignums() == []
    display = rank(euclidean, anchor, candidates, lw=3, c="k")
    assert {line.get_linewidth() for lines in display.lines_ for line in lines} == {3}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n": 0}, "n=0; expected at least 1"),
        ({"show": "best"}, "show='best'; expected 'nearest' or 'spread'"),
        ({"labels": ["a"]}, "labels has 1 entries, but there are 39"),
        ({"sampling_rate": -1}, "sampling_rate=-1"),
        ({"channel_names": "xy"}, "channel_names has 2 entries"),
    ],
)
def test_invalid_parameters_are_refused(segments, kwargs, message, plt):
    anchor, candidates, _ = segments
    with pytest.raises(ValueError, match=message):
        rank(euclidean, anchor, candidates, **kwargs)
    assert plt.get_fignums() == []


def test_estimators_that_cannot_compare_are_refused(segments):
    anchor, candidates, _ = segments
    with pytest.raises(TypeError, match="neither a distance nor a transformer"):
        rank("dtw", anchor, candidates)
    with pytest.raises(ValueError, match=r"has shape \(39, 1\); expected \(1, 39\)"):
        rank(lambda a, c: euclidean(c, a), anchor, candidates)
    with pytest.raises(ValueError, match="has NaN or infinity"):
        rank(lambda a, c: np.full((1, len(c)), np.nan), anchor, candidates)


def test_arrays_of_different_lengths_are_refused(segments):
    anchor, candidates, _ = segments
    settings = {"anchor": anchor, "candidates": candidates[:2], "n_candidates": 9}
    with pytest.raises(ValueError, match="scores has 1 entries, but 2 candidates"):
        CandidateRankingDisplay(scores=[1.0], ranks=[1, 2], **settings).plot()
    settings["candidates"] = candidates[:2, :, :2]
    with pytest.raises(ValueError, match="candidates must have 3 channels"):
        CandidateRankingDisplay(scores=[1.0, 2.0], ranks=[1, 2], **settings).plot()
