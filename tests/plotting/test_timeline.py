"""TimelineDisplay: minutes of days, compared with a count of their seconds."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_array_equal

pd = pytest.importorskip("pandas")

from relcon_sklearn.plotting import TimelineDisplay  # noqa: E402
from relcon_sklearn.plotting._timeline_minutes import (  # noqa: E402
    HOLE,
    NONWEAR,
    WORN,
    days_of,
    label_minutes,
    value_minutes,
)
from relcon_sklearn.timelines._columns import check_timeline  # noqa: E402

CLASSES = ["lying", "sitting", "walking"]
VIENNA = "Europe/Vienna"


def random_timeline(start="2024-03-05T20:00", hours=8, seed=0, longest=100):
    """Rows of some seconds, with non-wear and holes."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.integers(1, longest, 60 * hours))
    edges = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(edges[edges < 3600 * hours], unit="s")
    labels = rng.choice(CLASSES, len(edges) - 1)
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": labels})
    timeline["wear"] = rng.random(len(timeline)) > 0.2
    return timeline[rng.random(len(timeline)) > 0.2]


def by_seconds(timeline, edges, classes=CLASSES):
    """Slow reference: the state and the label of each minute, by counts of its seconds."""
    first = edges[0]
    seconds = np.zeros((int((edges[-1] - first).total_seconds()), 2 + len(classes)))
    seconds[:, 0] = 1
    for row in timeline.itertuples():
        part = slice(*(int((time - first).total_seconds()) for time in (row.start, row.end)))
        seconds[part] = 0
        seconds[part, 2 + classes.index(row.label) if row.wear else 1] = 1
    minutes = seconds.reshape(-1, 60, 2 + len(classes)).sum(axis=1)
    best = minutes[:, 2:].max(axis=1)
    state = [max((HOLE, NONWEAR, WORN), key=lambda s: ((a, b, c)[s], -s)) for a, b, c in
             zip(minutes[:, 0], minutes[:, 1], best, strict=True)]  # fmt: skip
    return np.array(state), minutes[:, 2:].argmax(axis=1)


def test_minutes_have_the_label_that_most_of_them_has():
    timeline = check_timeline(random_timeline())
    edges = days_of([timeline], None, "00:00")
    minutes = label_minutes(timeline, edges, CLASSES)
    state, label = by_seconds(timeline, edges)
    assert_array_equal(minutes.state.ravel(), state)
    assert_array_equal(minutes.values.mask.ravel(), state != WORN)
    assert_array_equal(minutes.values.ravel().compressed(), label[state == WORN])
    assert set(state) == {HOLE, NONWEAR, WORN}


def test_minutes_have_the_mean_of_their_values():
    edges = pd.to_datetime(["2024-03-05T10:00:00", "2024-03-05T10:00:45", "2024-03-05T10:01:20"])
    edges = edges.tz_localize("UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "value": [2.0, 6.0]})
    timeline = check_timeline(timeline)
    minutes = value_minutes(timeline, days_of([timeline], None, "00:00"))
    assert minutes.values[0, 600] == pytest.approx((45 * 2 + 15 * 6) / 60)
    assert minutes.values.count() == 1  # of the next minute, most is a hole


@pytest.mark.parametrize(("start", "n_minutes"), [("2024-03-30", 1440), ("2024-10-26", 1500)])
def test_days_on_which_clocks_change(start, n_minutes):
    edges = pd.date_range(f"{start}T12:00", periods=49, freq="h", tz="UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": "lying"})
    display = TimelineDisplay.from_timeline(timeline, tz=VIENNA)
    lengths = [1440, 1380 if n_minutes == 1440 else 1500, 1440]
    rows = display.meshes_[""].get_array()[::2]
    assert rows.shape == (3, n_minutes)
    assert rows[1].count() == lengths[1]
    assert rows.count() == 48 * 60
    assert display.ax_.get_xlim() == (0, n_minutes / 60)
    assert [f"{day:%H}" for day in display.days_] == ["00"] * 3
    named = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert named[1] == ("Sun 31 Mar (23 h)" if n_minutes == 1440 else "Sun 27 Oct (25 h)")
    assert "h)" not in named[0] + named[2]


def test_a_day_that_a_zone_skips_is_not_drawn():
    edges = pd.date_range("2011-12-29T12:00", periods=49, freq="h", tz="UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": "lying"})
    display = TimelineDisplay.from_timeline(timeline, tz="Pacific/Apia")
    named = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert named == ["Thu 29 Dec", "Sat 31 Dec", "Sun 01 Jan"]


def test_non_wear_is_hatched_and_holes_are_empty():
    edges = pd.date_range("2024-03-05T10:00", periods=4, freq="h", tz="UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": list("aba")})
    timeline["wear"] = [True, False, True]
    display = TimelineDisplay.from_timeline(timeline.iloc[:2])
    (hatched,) = [artist for artist in display.ax_.collections if artist.get_hatch()]
    assert hatched.get_datalim(display.ax_.transData).intervalx.tolist() == [11, 12]
    assert display.meshes_[""].get_array().count() == 60
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["a", "b", "not worn"]
    assert len(TimelineDisplay.from_timeline(timeline[:1]).legend_.get_texts()) == 1


def test_colours_are_those_of_the_legend():
    display = TimelineDisplay.from_timeline(random_timeline(), classes=CLASSES[::-1])
    shown = [to_hex(patch.get_facecolor()) for patch in display.legend_.get_patches()][:3]
    mesh = display.meshes_[""]
    assert [to_hex(mesh.cmap(mesh.norm(code))) for code in range(3)] == shown
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == [*CLASSES[::-1], "not worn"]


def test_16_labels_have_16_colours():
    edges = pd.date_range("2024-03-05", periods=18, freq="h", tz="UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": range(17)})
    display = TimelineDisplay.from_timeline(timeline[:16])
    patches = display.legend_.get_patches()
    assert len({to_hex(patch.get_facecolor()) for patch in patches}) == 16
    with pytest.raises(ValueError, match="There are 17 labels, more than"):
        TimelineDisplay.from_timeline(timeline)


def test_timelines_are_above_each_other():
    display = TimelineDisplay.from_timelines(
        {"truth": random_timeline(), "prediction": random_timeline(seed=1)}
    )
    assert list(display.meshes_) == ["truth", "prediction"]
    tops = [mesh.get_coordinates()[0, 0, 1] for mesh in display.meshes_.values()]
    assert tops[0] < 0 == pytest.approx(tops[1])
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]  # days go down
    assert display.ax_.get_title(loc="left") == "from top to bottom: truth, prediction"


def test_a_day_may_start_in_the_evening():
    display = TimelineDisplay.from_timeline(random_timeline(), day_starts="18:00")
    assert display.ax_.get_xticklabels()[1].get_text() == "21:00"
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["Tue 05 Mar"]


def test_values_have_a_colour_bar():
    timeline = random_timeline().drop(columns="label")
    timeline["value"] = np.linspace(1, 3, len(timeline))
    display = TimelineDisplay.from_timeline(timeline)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["not worn"]
    assert len(display.figure_.axes) == 2
    display = TimelineDisplay.from_timeline(timeline.assign(wear=True))
    assert display.legend_ is None


@pytest.mark.parametrize("days", [1, 7, 31, 100])
def test_texts_of_days_do_not_overlap(days, plt):
    edges = pd.date_range("2024-03-05", periods=days + 1, freq="D", tz="UTC")
    timeline = pd.DataFrame({"start": edges[:-1], "end": edges[1:], "label": "lying"})
    display = TimelineDisplay.from_timeline(timeline)
    display.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert len(boxes) == (days if days <= 31 else 34)
    below = [a.y0 - b.y1 for a, b in pairwise(boxes)]
    assert all(distance >= -1 for distance in below)


def test_the_legend_is_outside_of_the_days(plt):
    display = TimelineDisplay.from_timeline(random_timeline())
    display.figure_.canvas.draw()
    legend = display.legend_.get_window_extent()
    assert legend.y1 < display.ax_.get_window_extent().y0
    assert legend.y0 >= 0


def test_given_axes(plt):
    _, ax = plt.subplots(layout="constrained")
    assert TimelineDisplay.from_timeline(random_timeline(), ax=ax).ax_ is ax


@pytest.mark.parametrize("days", [200, 1000])
def test_days_far_apart(days):
    """Numbers of ns beyond 2**53 are not exact in float64."""
    start = pd.to_datetime(["2024-03-05 12:00", "2024-03-05 12:00"], utc=True)
    start += pd.to_timedelta([0, days - 1], "D")
    timeline = pd.DataFrame({"start": start, "end": start + pd.Timedelta("1h"), "value": [1.0, 2]})
    display = TimelineDisplay.from_timeline(timeline)
    shown = display.meshes_[""].get_array()[::2]
    assert len(shown) == days
    assert (shown[-1, 720:780] == 2).all()
    timeline.loc[1, ["start", "end"]] += pd.Timedelta(days=1001 - days)
    with pytest.raises(ValueError, match=r"have 1001 days, from 2024-03-05 to .* was wrong"):
        TimelineDisplay.from_timeline(timeline)


VALUES = random_timeline().drop(columns="label").assign(value=1.0)


@pytest.mark.parametrize(
    ("timelines", "kwargs", "error", "message"),
    [
        ({}, {}, ValueError, "timelines is empty"),
        ({"a": 3}, {}, TypeError, r"timelines\['a'\] is of type int"),
        ({"": VALUES[:0]}, {}, ValueError, "timeline has no rows"),
        ({"a": random_timeline(), "b": VALUES}, {}, ValueError, "have labels and values"),
        ({"a": random_timeline()}, {"classes": ["lying"]}, ValueError, "lacks .*'sitting', 'walk"),
        ({"a": random_timeline()}, {"tz": "Nowhere"}, ValueError, "tz='Nowhere' is not a known"),
        (
            {"a": VALUES.assign(subject=np.arange(len(VALUES)) % 2)},
            {},
            ValueError,
            "has 2 people",
        ),
    ],
)
def test_what_cannot_be_drawn(timelines, kwargs, error, message):
    with pytest.raises(error, match=message):
        TimelineDisplay.from_timelines(timelines, **kwargs)
