"""Totals of a generated week, ten minutes of each day, against the truth."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pd = pytest.importorskip("pandas")

from relcon_sklearn import MotionFeatures, segment_recordings  # noqa: E402
from relcon_sklearn.datasets import make_recordings  # noqa: E402
from relcon_sklearn.timelines import daily_totals, predict_timeline  # noqa: E402

RATE = 20  # Hz
ACTIVITIES = ["sitting", "walking", "running"]


def generate(n, duration, random_state):
    return make_recordings(
        n, duration=duration, sampling_rate=RATE, activities=ACTIVITIES, random_state=random_state
    )


def test_totals_are_within_5_percent():
    people = generate(20, 120, random_state=0)
    train = segment_recordings(people.recordings, RATE, units="g", window=4, labels=people.labels)
    model = make_pipeline(
        MotionFeatures(RATE), StandardScaler(), LogisticRegression(max_iter=1000)
    ).fit(train.X, train.y)

    week = generate(1, 7 * 600, random_state=1)
    day = np.arange(7 * 600 * RATE) // (600 * RATE)
    second = np.arange(7 * 600 * RATE) / RATE
    # Clocks are set forward on the last of these days. Each recording starts at 23:55.
    start = np.datetime64("2024-03-25T22:55") + np.rint(1000 * second).astype("timedelta64[ms]")
    times = start + day * np.timedelta64(23 * 60 + 50, "m")
    frame = pd.DataFrame(week.recordings[0], times, ["x", "y", "z"])
    timeline = predict_timeline(
        model, frame, sampling_rate=RATE, units="g", step=2, smoothing=3, subject="ann"
    )
    totals = daily_totals(timeline, tz="Europe/Vienna", min_wear_hours=0.1)

    local = pd.DatetimeIndex(times, tz="UTC").tz_convert("Europe/Vienna")
    for name in ACTIVITIES:
        hours = totals.set_index("day")[f"hours_{name}"]
        true = pd.Series(week.labels[0] == name).groupby(local.date).sum() / RATE / 3600
        assert abs(hours.sum() / true.sum() - 1) < 0.05
        assert np.abs(hours.to_numpy() - true.to_numpy()).max() < 0.01  # 36 s
    assert totals["wear_hours"].sum() == pytest.approx(7 / 6, rel=0.01)
    assert totals["valid"].sum() == 6
    length = totals["missing_hours"] + totals["wear_hours"]
    np.testing.assert_allclose(length, [24] * 6 + [23] + [24])
