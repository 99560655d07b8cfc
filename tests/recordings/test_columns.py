"""Columns of DataFrames: which are acceleration, and which of them are checked for units."""

import logging

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._columns import acceleration_axes

pd = pytest.importorskip("pandas")

RATE = 50
G = 9.80665  # m/s^2
RNG = np.random.default_rng(0)
SIGNAL = (np.array([0.0, 0.6, 0.8]) + 0.1 * RNG.normal(size=(200, 3))).astype(np.float32)
GYROSCOPE = RNG.normal(size=(200, 3)).astype(np.float32)  # rad/s
TRIPLES = [
    ["x", "y", "z"],
    ["X", "Y", "Z"],
    ["acc_x", "acc_y", "acc_z"],
    ["x_acc", "y_acc", "z_acc"],
    ["accX", "accY", "accZ"],
    ["AccelX", "AccelY", "AccelZ"],
    ["accel_x", "accel_y", "accel_z"],
    ["ax", "ay", "az"],
    ["aX", "aY", "aZ"],
    ["Accelerometer X", "Accelerometer Y", "Accelerometer Z"],
    ["Acceleration x (m/s^2)", "Acceleration y (m/s^2)", "Acceleration z (m/s^2)"],
    ["x-axis (g)", "y-axis (g)", "z-axis (g)"],
    ["Beschleunigung X [m/s²]", "Beschleunigung Y [m/s²]", "Beschleunigung Z [m/s²]"],
    ["加速度X (mg)", "加速度Y (mg)", "加速度Z (mg)"],
    ["userAcceleration.x", "userAcceleration.y", "userAcceleration.z"],
]
OTHERS = {"temperature": 31.0, "light": 512.0, "max": 1.0, "index": 2.0}


def frame_of(names, signal=SIGNAL, **more):
    return pd.DataFrame(signal, columns=list(names)).assign(**more)


def segment(recordings, units="g", **kwargs):
    return segment_recordings(recordings, RATE, units=units, window=1.0, **kwargs)


EXPECTED = segment(SIGNAL).X


@pytest.mark.parametrize("names", TRIPLES, ids=lambda names: names[0])
def test_acceleration_is_told_by_name_and_logged(names, caplog):
    frame = frame_of(names, **OTHERS)
    frame = frame[["light", names[0], "max", *names[1:], "temperature", "index"]]
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segments = segment([frame, frame[frame.columns[::-1]]])
    np.testing.assert_array_equal(segments.X, np.concatenate([EXPECTED, EXPECTED]))
    messages = [r.getMessage() for r in caplog.records if "left out: ['light'" in r.getMessage()]
    assert len(messages) == 1
    assert str(names) in messages[0]
    assert "['light', 'max', 'temperature', 'index']" in messages[0]


@pytest.mark.parametrize(
    "names",
    [
        ["acc_x", "acc_y", "acc_z", "gravity_x", "gravity_y", "gravity_z"],
        ["acc_x", "acc_y", "acc_z", "gFx", "gFy", "gFz"],
        ["ax (g)", "ay (g)", "az (g)", "gx (g)", "gy (g)", "gz (g)"],
        ["acc_x", "acc_y", "acc_z", "acc_mag_x", "acc_mag_y", "acc_mag_z"],
        ["gx", "gy", "gz", "mx", "my", "mz"],
        ["x1", "y1", "z1", "x2", "y2", "z2"],
        ["gyro_x", "gyro_y", "gyro_z", "light"],
        ["x-axis (deg/s)", "y-axis (deg/s)", "z-axis (deg/s)", "light"],
        ["back x (m/s)", "back y (m/s)", "back z (m/s)", "light"],
        ["back x (mG)", "back y (mG)", "back z (mG)", "light"],
        ["back_x", "back_y", "back_z", "light"],
        ["x", "y", "Z", "light"],
        ["x", "y", "light", "temperature"],
        [0, 1, 2, 3],
    ],
    ids=str,
)
def test_columns_that_may_not_be_acceleration_must_be_named(names):
    frame = frame_of(names, np.hstack([SIGNAL, GYROSCOPE])[:, : len(names)], label="walk")
    with pytest.raises(ValueError, match="recording 0 has more than three numeric col") as error:
        segment(frame, labels="label")
    assert f"channels={names} uses all" in str(error.value)
    X = segment(frame, labels="label", channels=names).X
    assert X.shape[2] == len(names)
    np.testing.assert_array_equal(X[..., :3], EXPECTED)


@pytest.mark.parametrize(
    "others",
    [
        ["gyro_x", "gyro_y", "gyro_z"],
        ["GyroscopeX", "GyroscopeY", "GyroscopeZ"],
        ["Gyr x [deg/s]", "Gyr y [deg/s]", "Gyr z [deg/s]"],
        ["gx", "gy", "gz", "mx", "my", "mz"],
        ["gX", "gY", "gZ", "magnetometer.x", "magnetometer.y", "magnetometer.z"],
    ],
    ids=lambda names: names[0],
)
def test_acceleration_is_told_beside_other_sensors(others, caplog):
    """These also have an x, y and z, and are left out as a temperature is."""
    values = np.tile(GYROSCOPE, len(others) // 3)
    for acceleration in (["ax", "ay", "az"], ["acc_x", "acc_y", "acc_z"]):
        frame = frame_of(others + acceleration, np.hstack([values, SIGNAL]), light=310)
        with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
            np.testing.assert_array_equal(segment(frame).X, EXPECTED)
        assert f"left out: {[*others, 'light']}" in caplog.text


@pytest.mark.parametrize("names", [["b"], ["b", "a"], ["light", "b", "a"], ["z", "y", "w"]])
def test_up_to_three_columns_are_all_used_in_their_order(names, caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        X = segment(frame_of(names, SIGNAL[:, : len(names)])).X
    np.testing.assert_array_equal(X, EXPECTED[..., : len(names)])
    assert "left out: ['" not in caplog.text


@pytest.mark.parametrize("names", TRIPLES, ids=lambda names: names[0])
@pytest.mark.parametrize("order", [[2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("more", [{}, OTHERS])
def test_axes_are_in_the_order_of_their_names(names, order, more, caplog):
    """Models were trained with x, y and z: another order would be another orientation."""
    frame = frame_of(names, **more)
    frame = frame[[*more, *(names[axis] for axis in order)]]
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segments = segment([frame, frame_of(names, **more)])
    np.testing.assert_array_equal(segments.X, np.concatenate([EXPECTED, EXPECTED]))
    assert f"chosen from the columns of recording 0: {names}; left out: {list(more)}" in caplog.text
    # The order of channels is kept, whatever their names.
    chosen = [names[axis] for axis in order]
    X = segment(frame, channels=chosen).X
    np.testing.assert_array_equal(X, EXPECTED[..., order])
    frame.attrs["channels"] = chosen
    np.testing.assert_array_equal(segment(frame).X, X)


def test_the_order_of_axes_that_is_right_is_not_logged(caplog):
    with caplog.at_level(logging.INFO, logger="relcon_sklearn"):
        segment(frame_of("xyz"))
    assert "channels, chosen" not in caplog.text


def test_columns_left_out_may_differ_only_if_recording_0_has_them():
    with pytest.raises(ValueError, match=r"recording 1 has the columns \['battery'\], which rec"):
        segment([frame_of("xyz", **OTHERS), frame_of("xyz", **OTHERS, battery=3.7)])
    assert len(segment([frame_of("xyz", **OTHERS), frame_of("xyz")]).X) == 2 * len(EXPECTED)


def test_gravity_is_checked_on_the_acceleration_beside_a_gyroscope():
    names = ["gyro_x", "gyro_y", "gyro_z", "acc_x", "acc_y", "acc_z"]
    for channels in (names, names[::-1], names[3:] + names[:3]):
        frame = frame_of(names, np.hstack([GYROSCOPE, SIGNAL * G]))
        assert segment(frame, "m/s^2", channels=channels).X.shape[2] == 6
        with pytest.raises(ValueError, match="recording 0: with units='g' the median magnitude"):
            segment(frame, channels=channels)
        assert segment(frame, channels=channels, gravity=False).X.shape[2] == 6


def test_gravity_is_checked_on_each_accelerometer():
    names = ["wrist_acc_x", "wrist_acc_y", "wrist_acc_z", "hip_acc_x", "hip_acc_y", "hip_acc_z"]
    frame = frame_of(names, np.hstack([SIGNAL, SIGNAL * G]))
    with pytest.raises(ValueError, match=r"magnitude of the channels \[3, 4, 5\] is 9\.\d+ g"):
        segment(frame, channels=names)


@pytest.mark.parametrize("n_more", [1, 2, 3, 6])
def test_gravity_is_checked_on_the_first_three_channels(n_more):
    more = np.tile(GYROSCOPE, 2)[:, :n_more]
    frame = frame_of(range(3 + n_more), np.hstack([SIGNAL * G, more]))
    for recording, channels in ((frame.to_numpy(), None), (frame, list(frame.columns))):
        assert segment(recording, "m/s^2", channels=channels).X.shape[2] == 3 + n_more
        with pytest.raises(ValueError, match=r"magnitude of the channels \[0, 1, 2\] is .* gravi"):
            segment(recording, channels=channels)


def test_the_hint_at_units_is_about_the_acceleration():
    signal = np.hstack([SIGNAL * G, 100 * GYROSCOPE])
    with pytest.raises(ValueError, match=r"units is None.* hints at 'm/s\^2'"):
        segment(signal, None)


@pytest.mark.parametrize(
    ("columns", "axes"),
    [
        (["t", "x", "y", "z"], [[1, 2, 3]]),
        (["z", "x", "light", "y"], [[0, 1, 3]]),
        (["gx", "gy", "gz", "ax", "ay", "az"], [[3, 4, 5]]),
        (["gx", "gy", "gz"], [[0, 1, 2]]),
        (["a_x", "a_y", "b_x", "b_y"], [[0, 1, 2]]),
        (["x1", "y1", "z1", "x2", "y2", "z2"], [[0, 1, 2], [3, 4, 5]]),
        (["x", "y"], []),
        ([], []),
    ],
)
def test_acceleration_axes(columns, axes):
    assert acceleration_axes(columns) == axes
