"""Units, colours and the replacement of given axes, which the displays share."""

import numpy as np
import pytest

from relcon_sklearn.plotting import (
    CandidateRankingDisplay,
    EmbeddingMapDisplay,
    MotifMatchDisplay,
    TrainingCurveDisplay,
)
from relcon_sklearn.plotting._style import (
    PALETTE,
    channel_units,
    colour,
    panels,
    square_of,
    text_colour,
    with_unit,
)

SEGMENT = np.random.default_rng(0).normal(size=(32, 3))


# One display of each class with several panels, which can be drawn.
DISPLAYS = {
    "ranking": lambda: CandidateRankingDisplay(
        anchor=SEGMENT, candidates=[SEGMENT], scores=[0.0], ranks=[1], n_candidates=1
    ),
    "map": lambda: EmbeddingMapDisplay(positions=SEGMENT[:, :2], labels=np.arange(32) % 3),
    "match": lambda: MotifMatchDisplay(
        anchor=SEGMENT, candidate=SEGMENT, attention=np.eye(32), reconstruction=SEGMENT
    ),
    "curve": lambda: TrainingCurveDisplay(
        histories={"one": [{"epoch": 1, "train_loss": 1.0}]},
    ),
}


@pytest.fixture(params=DISPLAYS)
def display(request):
    return DISPLAYS[request.param]()


@pytest.mark.parametrize(
    ("unit", "expected"), [("g", "g²"), ("m/s²", "(m/s²)²"), ("m²", "(m²)²"), ("°C", "(°C)²")]
)
def test_squares_of_units(unit, expected):
    assert square_of(unit) == expected
    assert with_unit(2, unit, 2) == f"2 {expected}"


def test_units_of_channels():
    assert channel_units("deg/s", 2) == ["deg/s", "deg/s"]
    assert channel_units(None, 2) == [None, None]
    assert channel_units(("g", None), 2) == ["g", None]
    with pytest.raises(ValueError, match="Pass one unit for each channel, or one for all channels"):
        channel_units(["g"], 2)


def test_black_is_white_on_a_dark_background(plt):
    assert [colour(i) for i in range(8)] == list(PALETTE)
    assert text_colour() == "#000000"
    with plt.style.context("dark_background"):
        assert text_colour() == "#ffffff"
        assert [colour(i) for i in range(8)] == [
            "#ffffff" if c == "#000000" else c for c in PALETTE
        ]


def test_axes_with_a_display_are_refused(display, plt):
    figure, ax = plt.subplots(layout="constrained")
    display.plot(ax=ax)
    n_axes = len(figure.axes)
    # Both the given axes and the new ones.
    for used in (ax, display.ax_):
        with pytest.raises(ValueError, match=r"ax is already in use.* Pass empty axes"):
            display.plot(ax=used)
    assert len(figure.axes) == n_axes
    assert display.plot().figure_ is not figure


def test_axes_with_content_are_refused_and_not_changed(display, plt):
    _, ax = plt.subplots(layout="constrained")
    ax.plot([1, 2])
    with pytest.raises(ValueError, match="ax is already in use"):
        display.plot(ax=ax)
    assert ax.axison


def test_a_figure_without_a_layout_causes_one_warning(display, plt):
    _, ax = plt.subplots()
    with pytest.warns(UserWarning, match='Create it with layout="constrained"') as record:
        display.plot(ax=ax)
    assert len(record) == 1
    # The line that must be changed.
    assert record[0].filename == __file__


@pytest.mark.parametrize("layout", ["constrained", "tight", "compressed"])
def test_a_layout_causes_no_warning(display, plt, layout, recwarn):
    _, axes = plt.subplots(1, 2, figsize=(16, 9), layout=layout)
    display.plot(ax=axes[1])
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_axes_without_a_grid_are_replaced_at_their_position(plt, layout):
    figure = plt.figure(figsize=(10, 8), layout=layout)
    ax = figure.add_axes((0.5, 0.2, 0.4, 0.3))
    place, grid = panels(plt, ax, 1, 1, figsize=None)
    assert place is figure
    panel = figure.add_subplot(grid[0])
    figure.canvas.draw()
    np.testing.assert_allclose(
        panel.get_position().extents, ax.get_position().extents, atol=0 if layout is None else 0.08
    )
