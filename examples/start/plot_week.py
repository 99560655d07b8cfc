"""
A week on the wrist
===================

How many hours did this person walk, and on which days? A classifier labels a week of wrist
acceleration, and the totals of each day are compared with the truth, which is known here because
the week is generated.
"""

# %%
# The model
# ---------
# Any classifier of segments will do. Here it is a linear model of hand-made features, trained on
# twenty other people for four minutes each. At the wrist, lying and sitting look alike, so that
# both are called rest.

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import MotionFeatures, segment_recordings
from relcon_sklearn.datasets import make_recordings

RATE = 20  # Hz
LABELS = ["rest", "walking", "running"]
settings = {"sampling_rate": RATE, "placement": "wrist", "orientation_changes": "never"}


def merge(labels):
    return np.where(np.isin(labels, ["lying", "sitting"]), "rest", labels)


people = make_recordings(
    20,
    duration=240,
    activities=["lying", "sitting", "walking", "running"],
    random_state=1,
    **settings,
)
train = segment_recordings(
    people.recordings,
    RATE,
    units="g",
    window=5,
    labels=[merge(labels) for labels in people.labels],
    subjects=people.subjects,
)
model = make_pipeline(
    MotionFeatures(sampling_rate=RATE), StandardScaler(), LogisticRegression(max_iter=1000)
)
model.fit(train.X, train.y)

# %%
# The week
# --------
# The person lies from 23 to 7 o'clock, and then takes the device off for an hour. Between hours of
# sitting, there are hours in which the person also walks and, on two days, runs. On the Thursday,
# the battery is empty for four hours. On the Sunday, daylight saving begins in Vienna. Your own
# recording would come from :func:`~relcon_sklearn.recordings.read_recording`.

import pandas as pd

VIENNA, N_DAYS = "Europe/Vienna", 7
rng = np.random.default_rng(0)
signal = rng.normal([0, 0, 1], 0.002, (N_DAYS, 24, 3600 * RATE, 3)).astype(np.float32)
label = np.full((N_DAYS, 24, 3600), "not worn")  # of each second
for day in range(N_DAYS):
    plan = {
        "lying": [0, 1, 2, 3, 4, 5, 6, 23],
        "sitting": [9, 10, 11, 13, 14, 15, 16, 20, 21, 22],
        "sitting walking": [8, 12, 18, 19],
        "walking running" if day in (1, 5) else "walking": [17],
    }
    for activities, hours in plan.items():
        part = make_recordings(
            1,
            duration=3600 * len(hours),
            activities=activities.split(),
            random_state=day,
            **settings,
        )
        signal[day, hours] = part.recordings[0].reshape(len(hours), -1, 3)
        label[day, hours] = merge(part.labels[0][::RATE]).reshape(len(hours), -1)

start = pd.Timestamp("2024-03-25", tz=VIENNA).tz_convert("UTC")
second = start + pd.to_timedelta(np.arange(label.size), unit="s")
hours = np.arange(label.size) / 3600
empty = (hours >= 3 * 24 + 13) & (hours < 3 * 24 + 17)
empty |= hours >= N_DAYS * 24 - 1  # the Sunday has 23 hours
second, label = second[~empty], label.ravel()[~empty]
offset = np.arange(RATE) * np.timedelta64(1000 // RATE, "ms")
times = second.tz_localize(None).to_numpy()[:, None] + offset
recording = pd.DataFrame(
    signal.reshape(-1, RATE, 3)[~empty].reshape(-1, 3),
    pd.DatetimeIndex(times.ravel(), tz="UTC"),
    ["x", "y", "z"],
)
recording.attrs = {"units": "g", "sampling_rate": RATE}
print(f"{len(recording):,} samples")

# %%
# The timeline
# ------------
# :func:`~relcon_sklearn.timelines.predict_timeline` cuts the recording into the segments of the
# model, block by block. Their length and rate are those of the training. ``smoothing=3`` takes the
# most frequent label of three steps.

from relcon_sklearn.timelines import daily_totals, predict_timeline

timeline = predict_timeline(model, recording, smoothing=3)
timeline.head(3)

# %%
# The truth is a timeline too: a row for each part of the week in which the label stays the same.
# The columns `start`, `end` and `label` are enough.

changes = (label[1:] != label[:-1]) | (np.diff(second) > np.timedelta64(1, "s"))
first = np.concatenate([[0], np.flatnonzero(changes) + 1])
last = np.append(first[1:], len(label)) - 1
truth = pd.DataFrame({"start": second[first], "end": second[last] + pd.Timedelta("1s")})
truth["wear"] = label[first] != "not worn"
truth["label"] = np.where(truth["wear"], label[first], None)

# %%
# :class:`~relcon_sklearn.plotting.TimelineDisplay` has a row for each day. Within a row, the truth
# is above the prediction. Time without wear is hatched, and the hours without data are empty.

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import TimelineDisplay

TimelineDisplay.from_timelines({"truth": truth, "prediction": timeline}, tz=VIENNA, classes=LABELS)
plt.show()

# %%
# The totals
# ----------
# :func:`~relcon_sklearn.timelines.daily_totals` adds up the hours. The Sunday has 23 hours. The
# Thursday has fewer than 20 hours of wear, and is not valid if a valid day needs as many.

totals = daily_totals(timeline, tz=VIENNA, min_wear_hours=20)
totals.set_index("day").drop(columns=["start", "end"]).round(2)

# %%
# The same table of the truth gives the errors, in percent of the true hours of the week:

true_totals = daily_totals(truth, tz=VIENNA, min_wear_hours=20)
hours = [f"hours_{name}" for name in LABELS]
week, true_week = totals[hours].sum(), true_totals[hours].sum()
table = pd.DataFrame({"hours": week, "true hours": true_week})
table["error (%)"] = 100 * (week / true_week - 1)
table.round(1)

# %%
# The hours of each day, predicted and true:

fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharex=True, layout="constrained")
for ax, name in zip(axes, LABELS, strict=True):
    true, predicted = (table[f"hours_{name}"] for table in (true_totals, totals))
    # Markers at the edge are not cut off.
    ax.plot(totals["day"], true, "o-", color="0.5", label="truth", clip_on=False)
    ax.plot(totals["day"], predicted, "x", color="#D55E00", label="prediction", clip_on=False)
    ax.set(title=name, xticks=totals["day"], xticklabels=totals["day"].dt.strftime("%a"))
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("hours")
axes[0].legend(frameon=False)
plt.show()

# %%
# A classifier of segments is enough for the hours of each day: predictions are near the truth, and
# the running on two days is found. These people move as the generator says, and so does the
# training data. Expect larger errors with people in daily life, in particular for activities that
# look alike at the wrist.
