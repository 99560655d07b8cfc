"""fetch_umafall: the published layout, sensors found in the header, and damaged files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn.datasets import fetch_umafall
from relcon_sklearn.datasets._fetchers import _umafall
from tests.support.local_server import make_zip
from tests.support.paths import SHARED

SENSORS = {"RIGHTPOCKET": 0, "CHEST": 1, "WAIST": 2, "WRIST": 3, "ANKLE": 4}
POSITION = {"pocket": "RIGHTPOCKET"} | {p: p.upper() for p in ("chest", "waist", "wrist", "ankle")}
TRIALS = [f"{number:02d}_ADL_Walking_1_2016-06-13_20-40-29" for number in range(1, 20)] + [
    "02_Fall_backwardFall_3_2016-06-13_20-51-32",
    "02_ADL_Sitting_GettingUpOnAChair_2_2017-04-26_19-47-07",
]
N_SAMPLES = 6


def member(trial):
    return f"UMAFall_Dataset/UMAFall_Subject_{trial}.csv"


def samples(trial):
    """Return the acceleration of each sensor, {number: (N_SAMPLES, 3)}."""
    rng = np.random.default_rng(TRIALS.index(trial))
    return {sensor: rng.normal(size=(N_SAMPLES, 3)).round(5) for sensor in range(5)}


def lines(values, sensor, kind=0, end=";"):
    """Return lines of the table as published: two samples arrive in the same millisecond."""
    return [
        f"{96 + 50 * (i // 2)};{i + 1};{x};{y};{z};{kind};{sensor}{end}"
        for i, (x, y, z) in enumerate(values.tolist())
    ]


def text(table, sensors=SENSORS):
    """Return a file as published."""
    header = [
        "% Universidad de Malaga - ETSI de Telecomunicacion (Spain)",
        "% Age: 24",
        "% Type of Movement: ADL",
        "",
        *(f"%C4:BE:84:70:64:8A; {number}; {where}; SensorTag" for where, number in sensors.items()),
        "",
        "% Accelerometer = 0",
        "% TimeStamp; Sample No; X-Axis; Y-Axis; Z-Axis; Sensor Type; Sensor ID;",
    ]
    return "\r\n".join([*header, *table]) + "\r\n"


def published(trial, sensors=SENSORS, **options):
    """Return the text of a trial: the accelerometers, and a gyroscope that must not be read."""
    table = [
        line for number, xyz in samples(trial).items() for line in lines(xyz, number, **options)
    ]
    return text([*lines(np.full((3, 3), 99.0), 3, kind=1), *table], sensors)


@pytest.fixture
def fetch(server, monkeypatch, tmp_path):
    """Return `fetch_umafall` of a small archive, with other files in place of some."""

    def fetch(replaced=None, without=(), **options):
        texts = {trial: published(trial) for trial in TRIALS} | (replaced or {})
        members = {member(trial): t for trial, t in texts.items() if trial not in without}
        url = server.serve("umafall.zip", make_zip(members))
        monkeypatch.setattr(_umafall, "SOURCE", _umafall.SOURCE._replace(url=url))
        return fetch_umafall(data_home=tmp_path, n_retries=0, progressbar=False, **options)

    return fetch


@pytest.mark.parametrize("placement", POSITION)
def test_published_layout(fetch, server, placement):
    data = fetch(placement=placement)
    order = sorted(TRIALS)
    assert data.placement == placement
    assert data.subjects.tolist() == [trial[:2] for trial in order]
    for trial, recording in zip(order, data.recordings, strict=True):
        assert recording.dtype == np.float32
        assert_allclose(recording, samples(trial)[SENSORS[POSITION[placement]]], rtol=1e-6)
    assert [labels[0] for labels in data.labels[1:4]] == [
        *("Sitting_GettingUpOnAChair", "Walking", "backwardFall"),
    ]
    assert data.labels[0].tolist() == ["Walking"] * N_SAMPLES
    assert data.recording_is_fall.tolist() == [i == 3 for i in range(len(order))]
    assert data.recording_trial[:4].tolist() == [1, 2, 1, 3]
    assert data.recording_date[3] == np.datetime64("2016-06-13T20:51:32")
    assert_allclose(data.sample_time[0], [0.096, 0.096, 0.146, 0.146, 0.196, 0.196])
    assert data.timestamps is None
    assert (data.n_malformed_lines, data.n_missing_trials) == (0, 0)
    assert data.sampling_rate == (200.0 if placement == "pocket" else 20.0)
    assert (data.units, data.channel_names) == ("g", ["x", "y", "z"])
    assert len(set(data.label_names)) == 15
    assert "Casilari" in data.citation
    server.stop()
    again = fetch(placement=placement, download_if_missing=False)
    assert set(again) == set(data)
    assert_array_equal(again.sample_time[2], data.sample_time[2])
    assert_array_equal(again.recording_date, data.recording_date)


def test_the_header_tells_which_sensor_is_where(fetch):
    other = {**SENSORS, "WRIST": 1, "CHEST": 3}
    data = fetch({TRIALS[0]: published(TRIALS[0], other, end="")})
    assert_allclose(data.recordings[0], samples(TRIALS[0])[1], rtol=1e-6)


def test_samples_are_in_order_of_their_number(fetch):
    table = lines(samples(TRIALS[0])[3], 3)
    data = fetch({TRIALS[0]: text(table[::-1])})
    assert_allclose(data.recordings[0], samples(TRIALS[0])[3], rtol=1e-6)


def test_trials_without_the_sensor_are_counted(fetch):
    without = {where: number for where, number in SENSORS.items() if where != "WRIST"}
    no_samples = text(lines(samples(TRIALS[4])[2], 2))
    data = fetch({TRIALS[0]: published(TRIALS[0], without), TRIALS[4]: no_samples})
    assert data.n_missing_trials == 2
    assert len(data.recordings) == len(TRIALS) - 2
    assert data.subjects[0] == "02"


def test_no_trial_has_the_sensor(fetch):
    nothing = {trial: published(trial, {"CHEST": 1}) for trial in TRIALS}
    with pytest.raises(ValueError, match="no trial with the sensor WAIST"):
        fetch(nothing, placement="waist")


def test_unreadable_numbers_are_left_out_and_counted(fetch):
    table = lines(samples(TRIALS[0])[3], 3)
    table[2] = "146;3;1.012.598.156.929.010;0.1;0.2;0;3;"  # in the original version
    table[4] = "196;5;;0.1;0.2;0;3;"
    data = fetch({TRIALS[0]: text(table)})
    assert data.n_malformed_lines == 2
    assert_allclose(data.recordings[0], samples(TRIALS[0])[3][[0, 1, 3, 5]], rtol=1e-6)


def test_missing_person(fetch, tmp_path):
    with pytest.raises(OSError, match="no trials of the subjects 13, 19"):
        fetch(without=[TRIALS[12], TRIALS[18]])
    assert not list(tmp_path.glob("umafall/*.npz"))


@pytest.mark.parametrize(
    "name",
    ["02_ADL_Dancing_1_2016-06-13_20-40-29", "02_ADL_Walking_1_20160613"],
    ids=["activity", "form"],
)
def test_unknown_name_of_a_file(fetch, name):
    with pytest.raises(ValueError, match=f"has the member '{member(name)}'"):
        fetch({name: published(TRIALS[0])})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda line: line.replace(";", ","), "has no line with the time, number"),
        (lambda line: line.replace(".", ","), "no valid samples of the sensor WRIST. Got 6"),
    ],
    ids=["delimiter", "decimal comma"],
)
def test_another_format(fetch, tmp_path, change, match):
    table = [change(line) for line in lines(samples(TRIALS[0])[3], 3)]
    with pytest.raises(ValueError, match=match) as caught:
        fetch({TRIALS[0]: text(table)})
    assert member(TRIALS[0]) in str(caught.value)
    assert not list(tmp_path.glob("umafall/*.npz"))


def test_as_frame_and_choices(fetch):
    pytest.importorskip("pandas")
    assert fetch(as_frame=True).recordings[0].index[1].total_seconds() == 0.05
    with pytest.raises(ValueError, match="'placement' parameter of fetch_umafall"):
        fetch(placement="hip")


def test_labels_are_those_of_another_copy():
    """Compare the labels with those that an independent parser found."""
    path = SHARED / "opendata" / "umafall_wrist.npz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist; only maintainers have it")
    with np.load(path) as other:
        labels, is_fall = other["recording_label"], other["recording_is_fall"]
        assert set(labels.tolist()) == set(_umafall._ACTIVITIES)
        assert set(labels[is_fall].tolist()) == set(_umafall._FALLS)
        assert {name[1:] for name in other["recording_subject"].tolist()} < set(_umafall._SUBJECTS)
