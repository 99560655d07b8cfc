"""Tables of several people, which are not one recording."""

import warnings

import numpy as np
import pandas as pd
import pytest

from relcon_sklearn import MotionFeatures, segment_recordings
from relcon_sklearn._recordings._people import find_people
from relcon_sklearn.recordings import read_recording
from relcon_sklearn.timelines import predict_timeline

AXES = ["x", "y", "z"]


def table(people=("ann", "bob"), days=1):
    """Return a frame of a minute at 20 Hz of each person, a day or some later than the one before.

    With ``days=0``, people have the same times.
    """
    rng = np.random.default_rng(0)
    parts = []
    for i, person in enumerate(people):
        start = pd.Timestamp("2024-03-05") + i * pd.Timedelta(days=days)
        index = pd.date_range(start, periods=1200, freq="50ms", name="time")
        part = pd.DataFrame(rng.normal([0, 0.6, 0.8], 0.1, (1200, 3)), index, AXES)
        parts.append(part.assign(subject=person))
    return pd.concat(parts)


def test_columns_of_lists_name_nobody():
    frame = table().assign(user=[["ann"], ["bob"]] * 1200).drop(columns="subject")
    assert find_people(frame, AXES) is None


@pytest.mark.parametrize(
    "name", ["subject", "Subject ID", "participant_id", "userId", "User", "Person", "PID"]
)
def test_names_of_columns_of_people(name):
    frame = table().rename(columns={"subject": name})
    assert find_people(frame, AXES) == (name, ["ann", "bob"])
    assert find_people(frame, [*AXES, name]) is None


@pytest.mark.parametrize(
    "name", ["id", "label", "userAcceleration.x", "user_height", "rapid", "subjective", 7]
)
def test_other_columns_are_not_people(name):
    assert find_people(table().rename(columns={"subject": name}), AXES) is None


def test_one_person_is_no_warning():
    frame = table(["ann"])
    frame.loc[frame.index[5:9], "subject"] = None
    assert len(segment_recordings(frame, 20, units="g", channels=AXES, window=4).X) == 15


def test_several_people_in_one_recording_are_a_warning_with_what_to_do():
    frame = table(days=1)
    options = {"sampling_rate": 20, "units": "g", "channels": AXES, "window": 4}
    match = r"Several people seem to be in recording 0, .*'subject' has 2 values, .*'ann' and 'bob'"
    with pytest.warns(UserWarning, match=match) as caught:
        joined = segment_recordings(frame, **options)
    assert set(joined.groups) == {0}
    people = dict(list(frame.groupby("subject")))  # as the warning says
    assert "people = dict(list(frame.groupby('subject')))" in str(caught[0].message)
    split = segment_recordings(list(people.values()), subjects=list(people), **options)
    assert set(split.groups) == {"ann", "bob"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Several people seem")
        segment_recordings(frame, **options)


def test_numbers_of_people_are_a_warning_without_channels():
    with pytest.warns(UserWarning, match="such as 1 and 2"):
        segment_recordings(table([1, 2]), 20, units="g", window=4)


def test_people_as_labels_are_no_warning():
    found = segment_recordings(
        table(), 20, units="g", channels=AXES, labels="subject", window=4, short="skip"
    )
    assert set(found.y) == {"ann", "bob"}


def test_a_timeline_of_several_people_is_a_warning():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    model = make_pipeline(MotionFeatures(sampling_rate=20), LogisticRegression())
    model.fit(rng.normal(size=(8, 80, 3)), ["a", "b"] * 4)
    with pytest.warns(UserWarning, match="Several people seem to be in the recording"):
        predict_timeline(model, table(), sampling_rate=20, units="g", channels=AXES)


def test_people_with_the_same_times_in_one_file_are_named(tmp_path):
    path = tmp_path / "all.csv"
    table(["ann", "bob", "eve"], days=0).sort_index(kind="stable").to_csv(path)
    with pytest.raises(ValueError, match=r"3 people in its column 'subject'. Write a file for"):
        read_recording(path)
