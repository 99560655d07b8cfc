"""The figure of the command: what it shows of timelines that do not fit."""

import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

from relcon_sklearn._command import _figure  # noqa: E402
from relcon_sklearn.plotting import TimelineDisplay, _timeline  # noqa: E402

UTC = {"tz": None, "day_starts": "00:00"}


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Return a function that draws a timeline, and returns the timeline that is shown."""
    shown = []
    original = TimelineDisplay.from_timeline
    monkeypatch.setattr(
        TimelineDisplay,
        "from_timeline",
        lambda timeline, **days: [shown.append(timeline), original(timeline, **days)][1],
    )

    def draw(timeline, days=UTC):
        _figure.draw(timeline, tmp_path / "timeline.png", days)
        assert (tmp_path / "timeline.png").read_bytes().startswith(b"\x89PNG")
        return shown.pop()

    return draw


def hours_at(*starts, label="walking"):
    start = pd.to_datetime(list(starts), utc=True, format="ISO8601")
    frame = pd.DataFrame({"start": start, "end": start + pd.Timedelta("1h"), "label": label})
    return frame.astype({"label": "category"})


def test_a_clock_that_was_wrong(draw):
    """After an hour in 1970, the clock was set."""
    timeline = hours_at("1970-01-01 00:00", "2024-03-05 22:00", "2024-03-06 22:00")
    expected = (
        r"timeline.png only shows 2024-03-05 to 2024-03-06, because the recording has 19789 days, "
        r"from 1970-01-01 to 2024-03-06, and a figure can show 1000. The clock"
    )
    with pytest.warns(UserWarning, match=expected):
        shown = draw(timeline)
    pd.testing.assert_frame_equal(shown, timeline.iloc[1:])
    with pytest.warns(UserWarning, match="only shows 1970-01-01 to 1970-01-01, because"):
        shown = draw(timeline.assign(end=timeline["start"] + pd.to_timedelta([3, 1, 1], "h")))
    assert len(shown) == 1


@pytest.mark.parametrize("zone", ["Europe/Vienna", None])
def test_the_longest_figure(zone, draw, monkeypatch):
    for module in (_figure, _timeline):  # the second raises the error for more days
        monkeypatch.setattr(module, "MOST_DAYS", 8)
    timeline = hours_at(*pd.date_range("2024-03-29", periods=9, freq="D"))
    assert len(draw(timeline[:8])) == 8
    with pytest.warns(UserWarning, match="the recording has 9 days.* a figure can show 8"):
        assert len(draw(timeline, UTC | {"tz": zone})) == 6


def test_more_labels_than_colours(draw):
    names = [f"label {i:02}" for i in range(18)]
    dates = pd.date_range("2024-03-05", periods=19, freq="2h")
    timeline = hours_at(*dates, label=[*names[::-1], None])
    timeline["wear"] = timeline["label"].notna()
    long = timeline["label"].isin(names[3:])
    timeline.loc[long, "end"] += pd.Timedelta("30min")
    with pytest.warns(UserWarning, match="shows 3 labels with the least time as 'other labels'"):
        shown = draw(timeline)
    assert shown["label"].tolist()[:-1] == [*names[:2:-1], *["other labels"] * 3]
    assert shown["label"].isna().tolist() == [False] * 18 + [True]
    assert timeline["label"].nunique() == 18


def test_labels_that_a_recording_does_not_have_are_not_shown(draw):
    timeline = hours_at("2024-03-05", "2024-03-06")
    names = [f"label {i:02}" for i in range(18)]
    timeline["label"] = timeline["label"].cat.add_categories(names)
    shown = draw(timeline)  # without a warning
    assert shown["label"].tolist() == ["walking"] * 2


@pytest.mark.parametrize(
    ("has_zone", "label"),
    [(True, "time of day (UTC)"), (False, "time of day (clock of the device)")],
)
def test_times_of_a_clock_are_not_called_utc(has_zone, label, tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig",
        lambda figure, *_, **__: labels.append(figure.axes[0].get_xlabel()),
    )
    _figure.draw(hours_at("2024-03-05 22:00"), tmp_path / "timeline.png", UTC, has_zone)
    assert labels == [label]
