"""MotifMatchDisplay: drawings of an anchor, a candidate and the attention between them."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import Normalize, to_hex
from sklearn.frozen import FrozenEstimator

from relcon_sklearn.plotting import MotifMatchDisplay
from tests.support.estimators import tiny_distance, tiny_embedder


@pytest.fixture
def pair(motion):
    X, *_ = motion
    return X[0], X[40]


def test_signals_map_and_reconstruction_come_from_the_distance(embedder, pair):
    anchor, candidate = pair
    distance = embedder.distance_
    display = MotifMatchDisplay.from_estimator(distance, anchor, candidate, sampling_rate=50)
    time = np.arange(64) / 50
    attention = distance.attention_map(anchor, candidate)
    np.testing.assert_array_equal(display.image_.get_array(), attention)
    reconstructed = distance.reconstruct(anchor, candidate)
    for i in range(3):
        np.testing.assert_array_equal(
            display.candidate_lines_[i].get_xydata(), np.column_stack([time, candidate[:, i]])
        )
        # Upright: time is along the rows of the map.
        np.testing.assert_array_equal(
            display.anchor_lines_[i].get_xydata(), np.column_stack([anchor[:, i], time])
        )
        lower = display.axes_[f"reconstruction {i}"]
        expected = [anchor[:, i], reconstructed[:, i]]
        assert len(lower.lines) == 2
        for line, values in zip(lower.lines, expected, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), np.column_stack([time, values]))
        assert display.reconstruction_lines_[i] is lower.lines[1]


def test_the_title_has_the_distance(embedder, pair):
    anchor, candidate = pair
    display = MotifMatchDisplay.from_estimator(embedder, anchor, candidate)
    distance = embedder.distance_.pairwise(anchor[None], candidate[None]).item()
    assert display.distance_ == pytest.approx(distance, rel=1e-4)
    title = display.axes_["candidate"].get_title("left")
    assert f"d = {distance:.3g} g²" in title
    assert f"{np.sqrt(distance / anchor.size):.3g} g)" in title


def test_map_and_signals_share_their_time(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, sampling_rate=50)
    map_ax = display.ax_
    assert map_ax is display.axes_["map"]
    assert map_ax.get_xlim() == display.axes_["candidate"].get_xlim()
    assert map_ax.get_ylim() == display.axes_["anchor"].get_ylim()
    # The pixel in row i and column j is centred on samples i and j. Time increases downwards.
    left, right, bottom, top = display.image_.get_extent()
    assert left == top == pytest.approx(-0.01)
    assert right == bottom == pytest.approx(63.5 / 50)
    assert map_ax.get_ylim()[0] > map_ax.get_ylim()[1]


@pytest.mark.parametrize(
    ("sampling_rate", "time", "last"), [(None, "time step", 63), (100, "time (s)", 0.63)]
)
def test_axes_are_labelled_with_units(embedder, pair, sampling_rate, time, last):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, sampling_rate=sampling_rate)
    assert display.ax_.get_xlabel() == f"candidate {time}"
    # The label appears once, between the anchor and the map.
    assert display.ax_.get_ylabel() == f"anchor {time}"
    assert display.axes_["reconstruction 2"].get_xlabel() == f"anchor {time}"
    assert display.axes_["anchor"].get_xlabel() == "acceleration (g)"
    assert display.axes_["candidate"].get_ylabel() == "acceleration (g)"
    assert display.axes_["colorbar"].get_ylabel() == "attention weight"
    assert display.candidate_lines_[0].get_xdata()[-1] == pytest.approx(last)


def test_channels_are_named(embedder, pair):
    def names(**kwargs):
        display = MotifMatchDisplay.from_estimator(embedder, *pair, **kwargs)
        legend = display.axes_["candidate"].get_legend()
        assert display.axes_["reconstruction 1"].get_ylabel() == legend.get_texts()[1].get_text()
        return [text.get_text() for text in legend.get_texts()]

    assert names() == ["x", "y", "z"]
    assert names(channel_names=["up", "left", "ahead"], unit=None) == ["up", "left", "ahead"]


def test_many_channels_are_named_only_by_their_panels(pair):
    anchor, candidate = (np.concatenate([segment, segment], axis=1) for segment in pair)
    names = list("abcdef")
    display = MotifMatchDisplay(
        anchor=anchor,
        candidate=candidate,
        attention=np.eye(64),
        reconstruction=anchor,
        channel_names=names,
        unit=None,
    ).plot()
    assert display.axes_["candidate"].get_legend() is None
    panels = [display.axes_[f"reconstruction {i}"] for i in range(6)]
    assert [ax.get_ylabel() for ax in panels] == names
    colours = [ax.lines[0].get_color() for ax in panels]
    assert colours == [line.get_color() for line in display.candidate_lines_]
    assert len(set(colours)) == 6


def test_without_a_unit_no_unit_is_shown(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, unit=None)
    assert display.axes_["anchor"].get_xlabel() == "signal"
    assert "g²" not in display.axes_["candidate"].get_title("left")
    assert display.axes_["reconstruction 0"].get_title("left") == ""
    assert display.axes_["reconstruction 0"].get_ylabel() == "x"


def test_channels_have_the_same_scale(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair)
    spans = [np.ptp(display.axes_[f"reconstruction {i}"].get_ylim()) for i in range(3)]
    np.testing.assert_allclose(spans, spans[0])


def test_the_unit_of_all_channels_is_shown_once(embedder, pair):
    for unit in ("g", ["g", "g", "g"]):
        display = MotifMatchDisplay.from_estimator(embedder, *pair, unit=unit)
        lower = [display.axes_[f"reconstruction {i}"] for i in range(3)]
        assert [ax.get_ylabel() for ax in lower] == ["x", "y", "z"]
        assert [ax.get_title("left") for ax in lower] == ["acceleration (g)", "", ""]
        assert "g²" in display.axes_["candidate"].get_title("left")


def several_units(pair, unit=("g", "g", "g", "deg/s", "deg/s", "deg/s"), **kwargs):
    """Draw an accelerometer, and a gyroscope with values 200 times as large."""
    anchor, candidate = (np.hstack([segment, 200 * segment]) for segment in pair)
    return MotifMatchDisplay(
        anchor=anchor,
        candidate=candidate,
        attention=np.full((64, 64), 1 / 64),
        reconstruction=0.5 * anchor,
        unit=unit,
        **kwargs,
    ).plot()


def test_channels_of_different_units_have_different_scales(pair):
    display = several_units(pair)
    lower = [display.axes_[f"reconstruction {i}"] for i in range(6)]
    spans = np.array([np.ptp(ax.get_ylim()) for ax in lower])
    np.testing.assert_allclose(spans, np.repeat([spans[0], 200 * spans[0]], 3), rtol=1e-5)
    assert [ax.get_ylabel() for ax in lower[2:4]] == ["channel 2 (g)", "channel 3 (deg/s)"]
    # The sum of squares of different units has no unit.
    title = display.axes_["candidate"].get_title("left")
    assert f"d = {display.distance_:.3g}" in title or f"d = {display.distance_:.0f}" in title
    assert "g²" not in title
    assert " g)" not in title


def test_beside_the_map_channels_of_several_units_are_shares_of_the_largest(pair):
    display = several_units(pair)
    largest = max(np.abs(segment).max() for segment in pair)
    for lines, segment in zip(
        (display.candidate_lines_, display.anchor_lines_), (pair[1], pair[0]), strict=True
    ):
        for i, line in enumerate(lines):
            values = line.get_ydata() if lines is display.candidate_lines_ else line.get_xdata()
            np.testing.assert_allclose(values, segment[:, i % 3] / largest, rtol=1e-5)
    assert display.axes_["candidate"].get_ylabel() == "share of largest"
    assert display.axes_["anchor"].get_xlabel() == "share of largest"


def test_one_channel_may_have_no_unit_and_be_zero(pair):
    anchor = np.column_stack([pair[0], np.zeros(64)])
    display = MotifMatchDisplay(
        anchor=anchor,
        candidate=anchor,
        attention=np.eye(64),
        reconstruction=anchor,
        unit=["g", "g", "g", None],
    ).plot()
    np.testing.assert_array_equal(display.candidate_lines_[3].get_ydata(), 0)
    assert display.axes_["reconstruction 3"].get_ylabel() == "channel 3"


def test_a_wrong_number_of_units_is_refused(pair, plt):
    with pytest.raises(ValueError, match=r"unit has 2 entries.* but segments have 6 channels"):
        several_units(pair, unit=["g", "deg/s"])
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("limits", "expected"), [({}, (0, None)), ({"vmax": 0.2}, (0, 0.2))])
def test_maps_can_be_given_the_same_scale(embedder, pair, limits, expected):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, **limits)
    vmin, vmax = expected
    assert display.image_.norm.gamma == 0.5
    assert display.image_.norm.vmin == vmin
    assert display.image_.norm.vmax == (vmax or display.attention.max())


def test_another_norm_is_passed_on(embedder, pair):
    norm = Normalize(0, 0.3)
    assert MotifMatchDisplay.from_estimator(embedder, *pair, norm=norm).image_.norm is norm


def boxes(display, artists):
    display.figure_.canvas.draw()
    return [artist.get_window_extent() for artist in artists]


@pytest.mark.parametrize("n_channels", [1, 3, 6])
def test_names_of_channels_are_readable_and_panels_high_enough(pair, n_channels):
    anchor, candidate = (np.resize(segment, (64, n_channels)) for segment in pair)
    display = MotifMatchDisplay(
        anchor=anchor,
        candidate=candidate,
        attention=np.eye(64),
        reconstruction=anchor,
        channel_names=[f"wrist magnitude of acceleration {i}" for i in range(n_channels)],
    ).plot()
    lower = [display.axes_[f"reconstruction {i}"] for i in range(n_channels)]
    names = boxes(display, [ax.yaxis.label for ax in lower])
    assert all(upper.y0 >= below.y1 for upper, below in pairwise(names))
    assert all(name.x0 >= 0 for name in names)
    assert all(box.height > 0.3 * display.figure_.dpi for box in boxes(display, lower))


def test_map_and_colour_bar_are_adjacent(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair)
    image, bar = boxes(display, [display.ax_, display.axes_["colorbar"]])
    assert 0 < bar.x0 - image.x1 < 0.3 * display.figure_.dpi


@pytest.mark.parametrize("figsize", [(12, 6), (12, 4.5)])
def test_nothing_covers_the_legend_in_a_grid(embedder, pair, plt, figsize):
    _, axes = plt.subplots(1, 2, figsize=figsize, layout="constrained")
    for ax in axes:
        display = MotifMatchDisplay.from_estimator(embedder, *pair, ax=ax)
    legend = display.axes_["candidate"].get_legend()
    box, *others = boxes(display, [legend, *display.axes_.values()])
    assert len(legend.get_texts()) == 3
    assert not any(box.padded(-2).overlaps(other) for other in others)
    title, label = (
        text.get_window_extent()
        for text in (display.axes_["candidate"]._left_title, display.axes_["candidate"].yaxis.label)
    )
    assert not title.overlaps(label)
    assert title.x1 <= display.figure_.bbox.x1


def test_names_that_do_not_fit_a_legend_are_in_the_panels(pair):
    names = [f"acceleration of the left wrist, {axis}" for axis in "xyz"]
    display = MotifMatchDisplay(
        anchor=pair[0],
        candidate=pair[1],
        attention=np.eye(64),
        reconstruction=pair[0],
        channel_names=names,
    ).plot()
    assert display.axes_["candidate"].get_legend() is None
    assert display.axes_["reconstruction 1"].get_ylabel().replace("\n", " ") == names[1]


def test_the_reconstruction_is_visible_on_a_dark_background(embedder, pair, plt):
    with plt.style.context("dark_background"):
        display = MotifMatchDisplay.from_estimator(embedder, *pair)
    assert {to_hex(line.get_color()) for line in display.reconstruction_lines_} == {"#ffffff"}


def test_a_candidate_may_have_another_length(embedder, pair):
    anchor, candidate = pair
    display = MotifMatchDisplay.from_estimator(embedder, anchor, candidate[:40])
    assert display.image_.get_array().shape == (64, 40)
    assert tuple(display.image_.get_extent()) == (-0.5, 39.5, 63.5, -0.5)


def test_segments_of_one_channel(motion, plt):
    X, _, subjects = motion
    distance = tiny_distance(max_epochs=1).fit(X[:, :, 0], groups=subjects)
    display = MotifMatchDisplay.from_estimator(distance, X[0, :, 0], X[1, :, 0])
    assert [line.get_label() for line in display.anchor_lines_] == ["channel 0"]
    assert len(display.axes_) == 5


def test_frozen_and_nested_distances(embedder, pair):
    expected = embedder.distance_.attention_map(*pair)
    for estimator in (
        embedder,
        FrozenEstimator(embedder),
        embedder.distance_,
        FrozenEstimator(embedder.distance_),
    ):
        display = MotifMatchDisplay.from_estimator(estimator, *pair)
        np.testing.assert_array_equal(display.attention, expected)


def test_panels_replace_given_axes(embedder, pair, plt):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    display = MotifMatchDisplay.from_estimator(embedder, *pair, ax=right)
    figure.canvas.draw()
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not right.axison
    assert left.axison
    assert all(
        ax.get_position().x0 > left.get_position().x1 - 0.01 for ax in display.axes_.values()
    )


def test_axes_without_a_grid_are_replaced(embedder, pair, plt):
    figure = plt.figure()
    ax = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    display = MotifMatchDisplay.from_estimator(embedder, *pair, ax=ax)
    assert all(ax.get_position().x0 >= 0.5 for ax in display.axes_.values())


def test_axes_without_a_grid_are_replaced_with_a_layout(embedder, pair, plt):
    figure = plt.figure(figsize=(10, 8), layout="constrained")
    ax = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    display = MotifMatchDisplay.from_estimator(embedder, *pair, ax=ax)
    figure.canvas.draw()
    assert all(ax.get_position().x0 >= 0.5 for ax in display.axes_.values())


def test_drawing_again_with_other_settings(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair)
    first = display.figure_
    assert display.plot(cmap="cividis") is display
    assert display.figure_ is not first
    assert display.image_.get_cmap().name == "cividis"


def test_unfitted_and_other_estimators_are_refused(pair):
    with pytest.raises(TypeError, match="has no distance_; expected a fitted RelConEmbedder"):
        MotifMatchDisplay.from_estimator(tiny_embedder(), *pair)
    with pytest.raises(TypeError, match="no attention map"):
        MotifMatchDisplay.from_estimator(object(), *pair)
    with pytest.raises(ValueError, match="not fitted"):
        MotifMatchDisplay.from_estimator(tiny_distance(), *pair)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate=0; expected a number above 0"),
        ({"channel_names": ["x", "y"]}, "channel_names has 2 entries"),
    ],
)
def test_invalid_parameters_are_refused(embedder, pair, kwargs, message, plt):
    with pytest.raises(ValueError, match=message):
        MotifMatchDisplay.from_estimator(embedder, *pair, **kwargs)
    assert plt.get_fignums() == []


def test_invalid_segments_are_refused(embedder, pair):
    anchor, candidate = pair
    with pytest.raises(ValueError, match=r"anchor has shape \(1, 64, 3\); expected one segment"):
        MotifMatchDisplay.from_estimator(embedder, anchor[None], candidate)
    broken = candidate.copy()
    broken[5, 1] = np.nan
    with pytest.raises(ValueError, match="candidate must contain finite real numbers"):
        MotifMatchDisplay.from_estimator(embedder, anchor, broken)


def test_arrays_of_different_shapes_are_refused(pair):
    anchor, candidate = pair
    arrays = {"anchor": anchor, "candidate": candidate, "reconstruction": anchor}
    with pytest.raises(ValueError, match=r"attention has shape \(3, 3\)"):
        MotifMatchDisplay(attention=np.eye(3), **arrays).plot()
    with pytest.raises(ValueError, match=r"candidate \(64, 2\)"):
        MotifMatchDisplay(attention=np.eye(64), **arrays | {"candidate": candidate[:, :2]}).plot()
