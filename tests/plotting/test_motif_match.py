"""MotifMatchDisplay: what is drawn of an anchor, a candidate and the attention between them."""

import numpy as np
import pytest
from reference import tiny_distance, tiny_embedder
from sklearn.frozen import FrozenEstimator

from relcon_sklearn.plotting import MotifMatchDisplay


@pytest.fixture
def pair(motion):
    X, *_ = motion
    return X[0], X[40]


def test_signals_map_and_reconstruction_are_those_of_the_distance(embedder, pair):
    anchor, candidate = pair
    distance = embedder.distance_
    display = MotifMatchDisplay.from_estimator(distance, anchor, candidate, sampling_rate=50)
    time = np.arange(64) / 50
    attention = distance.attention_map(anchor, candidate)
    np.testing.assert_array_equal(display.image_.get_array(), attention)
    rebuilt = distance.reconstruct(anchor, candidate)
    for i in range(3):
        np.testing.assert_array_equal(
            display.candidate_lines_[i].get_xydata(), np.column_stack([time, candidate[:, i]])
        )
        # Upright, so that its time runs along the rows of the map.
        np.testing.assert_array_equal(
            display.anchor_lines_[i].get_xydata(), np.column_stack([anchor[:, i], time])
        )
        lower = display.axes_[f"reconstruction {i}"]
        expected = [anchor[:, i], rebuilt[:, i]]
        assert len(lower.lines) == 2
        for line, values in zip(lower.lines, expected, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), np.column_stack([time, values]))
        assert display.reconstruction_lines_[i] is lower.lines[1]


def test_the_title_says_the_distance(embedder, pair):
    anchor, candidate = pair
    display = MotifMatchDisplay.from_estimator(embedder, anchor, candidate)
    distance = embedder.distance_.pairwise(anchor[None], candidate[None]).item()
    assert display.distance_ == pytest.approx(distance, rel=1e-4)
    title = display.axes_["candidate"].get_title()
    assert f"d = {distance:.3g} g²" in title
    assert f"{np.sqrt(distance / anchor.size):.3g} g)" in title


def test_map_and_signals_share_their_time(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, sampling_rate=50)
    map_ax = display.ax_
    assert map_ax is display.axes_["map"]
    assert map_ax.get_xlim() == display.axes_["candidate"].get_xlim()
    assert map_ax.get_ylim() == display.axes_["anchor"].get_ylim()
    # Pixel j, row i is around the time of sample j, i; time runs downwards.
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
    assert display.axes_["anchor"].get_ylabel() == f"anchor {time}"
    assert display.axes_["reconstruction 2"].get_xlabel() == f"anchor {time}"
    assert display.axes_["anchor"].get_xlabel() == "acceleration (g)"
    assert display.axes_["candidate"].get_ylabel() == "acceleration (g)"
    assert display.axes_["colorbar"].get_ylabel() == "attention weight"
    assert display.candidate_lines_[0].get_xdata()[-1] == pytest.approx(last)


def test_channels_are_named(embedder, pair):
    def names(**kwargs):
        display = MotifMatchDisplay.from_estimator(embedder, *pair, **kwargs)
        legend = display.axes_["candidate"].get_legend()
        assert (
            display.axes_["reconstruction 1"]
            .get_ylabel()
            .startswith(legend.get_texts()[1].get_text())
        )
        return [text.get_text() for text in legend.get_texts()]

    assert names() == ["x", "y", "z"]
    assert names(channel_names=["up", "left", "ahead"], unit=None) == ["up", "left", "ahead"]


def test_many_channels_are_named_by_their_panels_only(pair):
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


def test_without_a_unit_none_is_written(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair, unit=None)
    assert display.axes_["anchor"].get_xlabel() == "signal"
    assert "g²" not in display.axes_["candidate"].get_title()
    assert display.axes_["reconstruction 0"].get_ylabel() == "x"


def test_channels_can_be_compared_by_eye(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair)
    spans = [np.ptp(display.axes_[f"reconstruction {i}"].get_ylim()) for i in range(3)]
    np.testing.assert_allclose(spans, spans[0])


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


def test_it_is_drawn_in_the_place_of_given_axes(embedder, pair, plt):
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


def test_axes_without_a_grid_have_a_place_too(embedder, pair, plt):
    figure = plt.figure()
    ax = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    display = MotifMatchDisplay.from_estimator(embedder, *pair, ax=ax)
    assert all(ax.get_position().x0 >= 0.5 for ax in display.axes_.values())


def test_drawing_again_takes_other_settings(embedder, pair):
    display = MotifMatchDisplay.from_estimator(embedder, *pair)
    first = display.figure_
    assert display.plot(cmap="cividis") is display
    assert display.figure_ is not first
    assert display.image_.get_cmap().name == "cividis"


def test_an_unfitted_distance_and_others_are_refused(pair):
    with pytest.raises(TypeError, match="trained by no distance that it kept"):
        MotifMatchDisplay.from_estimator(tiny_embedder(), *pair)
    with pytest.raises(TypeError, match="no attention map"):
        MotifMatchDisplay.from_estimator(object(), *pair)
    with pytest.raises(ValueError, match="not fitted"):
        MotifMatchDisplay.from_estimator(tiny_distance(), *pair)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate=0; expected Hz"),
        ({"channel_names": ["x", "y"]}, "channel_names has 2 entries"),
    ],
)
def test_settings_that_do_not_fit_are_refused(embedder, pair, kwargs, message, plt):
    with pytest.raises(ValueError, match=message):
        MotifMatchDisplay.from_estimator(embedder, *pair, **kwargs)
    assert plt.get_fignums() == []


def test_segments_that_cannot_be_used_are_refused(embedder, pair):
    anchor, candidate = pair
    with pytest.raises(ValueError, match=r"anchor has shape \(1, 64, 3\); expected one segment"):
        MotifMatchDisplay.from_estimator(embedder, anchor[None], candidate)
    broken = candidate.copy()
    broken[5, 1] = np.nan
    with pytest.raises(ValueError, match="candidate has to hold finite real numbers"):
        MotifMatchDisplay.from_estimator(embedder, anchor, broken)


def test_arrays_that_do_not_fit_each_other_are_refused(pair):
    anchor, candidate = pair
    arrays = {"anchor": anchor, "candidate": candidate, "reconstruction": anchor}
    with pytest.raises(ValueError, match=r"attention has shape \(3, 3\)"):
        MotifMatchDisplay(attention=np.eye(3), **arrays).plot()
    with pytest.raises(ValueError, match=r"candidate \(64, 2\)"):
        MotifMatchDisplay(attention=np.eye(64), **arrays | {"candidate": candidate[:, :2]}).plot()
