"""Recordings in npz files: the format, round trips, and invalid files."""

import random
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils import Bunch

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import (
    _npz_arrays,
    load_npz_recordings,
    make_recordings,
    save_npz_recordings,
)
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.paths import SHARED


def arrays(**changes):
    """Return arrays of three recordings of 4, 1 and 3 samples; None removes an array."""
    default = {
        "signal": np.arange(24, dtype=np.float32).reshape(8, 3),
        "recording_start": np.array([0, 4, 5, 8]),
        "recording_subject": np.array(["ann", "bob", "ann"]),
        "recording_label": np.array(["sit", "", "walk fast"]),
        "sampling_rate": np.array(50.0),
        "placement": np.array("wrist"),
        "units": np.array("g"),
    }
    return {name: values for name, values in (default | changes).items() if values is not None}


def write(path, **changes):
    np.savez(path, **arrays(**changes))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recordings.npz"


def lists(values):
    return [part.tolist() for part in values]


# ---------------------------------------------------------------- reading


def test_plain_file(path):
    data = load_npz_recordings(write(path))
    assert isinstance(data, Bunch)
    signal = np.arange(24).reshape(8, 3).tolist()
    assert lists(data.recordings) == [signal[:4], signal[4:5], signal[5:]]
    assert {recording.dtype for recording in data.recordings} == {np.dtype(np.float32)}
    assert lists(data.labels) == [["sit"] * 4, [""], ["walk fast"] * 3]
    assert data.subjects.tolist() == ["ann", "bob", "ann"]
    assert data.timestamps is None
    assert (data.sampling_rate, data.units, data.placement) == (50.0, "g", "wrist")
    assert data.channel_names == ["x", "y", "z"]
    assert data.label_names == ["sit", "walk fast"]
    assert data.recording_label.tolist() == ["sit", "", "walk fast"]
    assert type(data.sampling_rate) is float
    assert type(data.placement) is str


def test_required_arrays_only(path):
    data = load_npz_recordings(write(path, recording_label=None, placement=None))
    assert lists(data.labels) == [[""] * 4, [""], [""] * 3]
    assert (data.placement, data.label_names) == ("", [])
    assert "recording_label" not in data


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_integers_with_a_scale(path, dtype):
    counts = np.array([[-32768, 32767, 5]] * 8, dtype=np.int16)
    scale = dtype(1 / 2048)
    data = load_npz_recordings(write(path, signal=None, signal_int16=counts, signal_scale=scale))
    assert lists(data.recordings) == lists(np.split(counts / 2048, [4, 5]))
    assert data.recordings[0].dtype == np.float32
    assert "signal_scale" not in data


def test_labels_of_samples(path):
    codes = np.array([0, 2, 2, 1, 1, 0, 0, 2], dtype=np.int8)
    names = np.array(["UNLABELLED", "sit", "walk"])
    data = load_npz_recordings(write(path, sample_label=codes, label_names=names))
    assert lists(data.labels) == [["", "walk", "walk", "sit"], ["sit"], ["", "", "walk"]]
    assert data.label_names == ["sit", "walk"]
    assert data.recording_label.tolist() == ["sit", "", "walk fast"]
    assert "sample_label" not in data


@pytest.mark.parametrize(
    ("stamps", "dtype"),
    [
        (np.arange(8) / 50, "float64"),
        (np.arange(8, dtype=np.float32), "float64"),
        (np.datetime64("2024-01-01", "ms") + np.arange(8), "datetime64[ns]"),
    ],
)
def test_timestamps(path, stamps, dtype):
    data = load_npz_recordings(write(path, sample_timestamp=stamps))
    assert {part.dtype for part in data.timestamps} == {np.dtype(dtype)}
    np.testing.assert_array_equal(np.concatenate(data.timestamps), stamps)
    assert [len(part) for part in data.timestamps] == [4, 1, 3]


def test_other_arrays_are_returned_unchanged(path):
    data = load_npz_recordings(
        write(
            path,
            recording_age=np.array([31, 48, 31]),
            sample_speed=np.arange(8) / 8,
            sample_gyroscope=np.arange(16).reshape(8, 2),
            step_start=np.array([1, 2]),
            note=np.array("as recorded"),
            trials=np.array(7),
        )
    )
    assert data.recording_age.tolist() == [31, 48, 31]
    assert lists(data.sample_speed) == [[0, 1 / 8, 2 / 8, 3 / 8], [4 / 8], [5 / 8, 6 / 8, 7 / 8]]
    assert [part.shape for part in data.sample_gyroscope] == [(4, 2), (1, 2), (3, 2)]
    assert data.step_start.tolist() == [1, 2]
    assert (data.note, data.trials) == ("as recorded", 7)


def test_channels(path):
    two = np.zeros((8, 2))
    assert load_npz_recordings(write(path, signal=two)).channel_names == ["channel_0", "channel_1"]
    names = np.array(["up", "left"])
    data = load_npz_recordings(write(path, signal=two, channel_names=names))
    assert data.channel_names == ["up", "left"]


def test_long_labels_are_not_copied_for_each_sample(path):
    data = load_npz_recordings(write(path, recording_label=np.array(["x" * 5000] * 3)))
    assert data.labels[0].strides == (0,)


# ---------------------------------------------------------------- invalid files


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"signal": None}, "lacks a signal.*array signal, or signal_int16 and signal_scale"),
        ({"signal": None, "signal_int16": np.zeros((8, 3), np.int16)}, "lacks a signal"),
        ({"recording_start": None}, "lacks the arrays recording_start"),
        ({"recording_subject": None, "units": None}, "lacks the arrays recording_subject, units"),
        ({"sampling_rate": None}, "lacks the arrays sampling_rate"),
        ({"units": np.array("m/s^2")}, r"units must be 'g'\. Got 'm/s\^2'"),
        ({"signal": np.zeros(8)}, r"signal must have shape .* Got \(8,\)"),
        ({"recording_start": np.array([0, 4, 5, 7])}, "number of samples, 8.* Got 0 to 7"),
        ({"recording_start": np.array([0, 4, 5])}, "Got 0 to 5"),
        ({"recording_start": np.array([1, 4, 5, 8])}, "Got 1 to 8"),
        ({"recording_start": np.array([0, 5, 4, 8])}, "Recording 1 goes from 5 to 4"),
        ({"recording_start": np.array([0, 4, 4, 8])}, "Recording 1 goes from 4 to 4"),
        ({"recording_start": np.array([0.0, 4.0, 5.0, 8.0])}, "recording_start .*dtype float64"),
        ({"recording_start": np.array([8])}, r"recording_start must be .* Got shape \(1,\)"),
        ({"recording_subject": np.array(["a"])}, r"recording_subject has shape \(1,\).* 3 rec"),
        ({"recording_label": np.array(["a"] * 4)}, r"recording_label has shape \(4,\)"),
        ({"recording_age": np.array(3)}, r"recording_age has shape \(\)"),
        ({"sample_speed": np.zeros(7)}, r"sample_speed has shape \(7,\), but there are 8 samples"),
        ({"sample_timestamp": np.zeros(9)}, r"sample_timestamp has shape \(9,\)"),
        ({"sample_timestamp": np.array(["now"] * 8)}, "sample_timestamp must be .* Got dtype <U3"),
        ({"sample_label": np.zeros(8, int)}, "sample_label, but lacks label_names"),
        (
            {"sample_label": np.arange(8), "label_names": np.array(["", "a"])},
            "sample_label must be from 0 to 1, since label_names has 2 names. Got 0 to 7",
        ),
        (
            {"sample_label": np.full(8, -1), "label_names": np.array(["", "a"])},
            "sample_label .* Got -1 to -1",
        ),
        (
            {"sample_label": np.zeros(8), "label_names": np.array(["", "a"])},
            "sample_label .*dtype float64",
        ),
        ({"sampling_rate": np.array(0.0)}, "sampling_rate must be .* Got 0.0"),
        ({"sampling_rate": np.array([50.0, 50.0])}, "sampling_rate must be one number"),
        ({"sampling_rate": np.array("fast")}, "sampling_rate must be .* Got fast"),
        ({"channel_names": np.array(["x"])}, "channel_names has 1 names, but there are 3 channels"),
        ({"labels": np.zeros(3)}, "has arrays named labels"),
        ({"note": np.array([{}], dtype=object)}, "the array note cannot be read"),
    ],
)
def test_contradictions(path, changes, match):
    with pytest.raises(ValueError, match=match):
        load_npz_recordings(write(path, **changes))


def test_missing_file(path):
    with pytest.raises(FileNotFoundError):
        load_npz_recordings(path)


@pytest.mark.parametrize("content", [b"", b"x,y,z\n0,0,1\n"])
def test_file_that_is_not_npz(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not an npz file"):
        load_npz_recordings(path)


def test_incomplete_file(path):
    content = write(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="or it is incomplete"):
        load_npz_recordings(path)


def test_damaged_file(path):
    content = bytearray(write(path, signal=np.ones((8, 3), np.float32)).read_bytes())
    at = content.index(np.ones(3, np.float32).tobytes())
    content[at : at + 4] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match="the array signal cannot be read"):
        load_npz_recordings(path)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"signal": np.zeros((8, 3), complex)}, "signal must be real numbers. Got dtype complex"),
        ({"signal": np.full((8, 3), "1")}, "signal must be real numbers. Got dtype <U1"),
        (
            {"signal": None, "signal_int16": np.zeros((8, 3), complex), "signal_scale": 1.0},
            "signal_int16 must be real numbers",
        ),
        (
            {"signal": None, "signal_int16": np.zeros((8, 3), "i2"), "signal_scale": 1j},
            "signal_scale must be real numbers",
        ),
        (
            {"signal": None, "signal_int16": np.zeros((8, 3), "i2"), "signal_scale": [1.0, 2.0]},
            r"signal_scale must be one number. Got shape \(2,\)",
        ),
        *(
            (
                {"signal": None, "signal_int16": np.ones((8, 3), "i2"), "signal_scale": scale},
                "signal_scale must be a finite number above 0",
            )
            for scale in (0, 0.0, -1.0, np.nan, np.inf, 1e300, 1e-300)
        ),
        (
            {"signal": None, "signal_int16": np.full((8, 3), 9999, "i2"), "signal_scale": 1e35},
            "signal_int16 has values that are too large for float32",
        ),
        ({"signal": np.full((8, 3), 1e300)}, "signal has values that are too large for float32"),
        ({"signal": np.full((8, 3), True)}, "signal must be real numbers. Got dtype bool"),
        ({"signal": np.zeros((8, 0))}, r"at least one channel. Got \(8, 0\)"),
        ({"recording_start": np.array([0, 5, 4, 8], "u8")}, "Recording 1 goes from 5 to 4"),
        ({"recording_label": np.full((3, 2), "a")}, r"recording_label must be 1-D.*\(3, 2\)"),
        ({"sample_timestamp": np.zeros((8, 2))}, r"sample_timestamp must be 1-D.*\(8, 2\)"),
        ({"sample_timestamp": np.full(8, "2300", "M8[s]")}, "sample_timestamp must be within 1678"),
        ({"channel_names": np.array("xyz")}, r"channel_names must be 1-D. Got shape \(\)"),
        (
            {"sample_label": np.zeros(8, int), "label_names": np.array("walk")},
            r"label_names must be 1-D. Got shape \(\)",
        ),
    ],
)
def test_types_and_shapes_that_would_be_misread(path, changes, match):
    with pytest.raises(ValueError, match=match):
        load_npz_recordings(write(path, **changes))


def npz_with(path, name, content, method=zipfile.ZIP_DEFLATED):
    """Add a member to a valid file."""
    with zipfile.ZipFile(write(path), "a", method) as archive:
        archive.writestr(name, content)
    return path


def npy_header(shape, dtype="<f4", version=1):
    fields = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    size = len(fields).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + fields


DEEP = b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"-" * 8999 + b"1"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("more.npy", npy_header((10**13, 3)), r"array more cannot be read: shape .* but it has 0"),
        ("more.npy", npy_header((10**13, 3), version=3), "array more cannot be read: shape"),
        ("more.npy", npy_header((10**13,), "<U0"), "cannot have 10000000000000 values"),
        ("more.npy", npy_header((-1,)), "array more cannot be read"),
        ("more.npy", npy_header((10**9,), "|O"), "array more cannot be read: it cannot have 10"),
        ("more.npy", DEEP, "array more cannot be read"),
        ("more.npy", b"\x93NUMPY\x09\x00", "unknown version"),
        ("README.txt", b"text", "array README.txt cannot be read"),
        ("signal.npy", npy_header((0,)), "several arrays of the name signal"),
        ("signal", npy_header((0,)), "several arrays of the name signal"),
    ],
    ids=range(10),
)
def test_hostile_members_are_damage(path, name, content, match):
    with pytest.raises(DamagedFileError, match=match):
        load_npz_recordings(npz_with(path, name, content))


def test_a_compression_that_numpy_does_not_write(path):
    npz_with(path, "more.npy", npy_header((0,)), zipfile.ZIP_LZMA)
    with pytest.raises(DamagedFileError, match="array more cannot be read: its compression"):
        load_npz_recordings(path)


@pytest.mark.parametrize("name", ["units", "recording_subject"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_text_whose_numbers_are_not_characters_is_damage(path, name, order):
    text = np.array(["ann", "bob"] if name == "recording_subject" else "g").astype(f"{order}U3")
    text.reshape(-1).view(f"{order}u4")[0] = sys.maxunicode + 1
    write(path, **{name: text})
    with pytest.raises(DamagedFileError, match=f"array {name} cannot be read: .* not characters"):
        load_npz_recordings(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_damage_is_one_kind_of_error(path, save):
    """The kinds of zipfile and numpy: BadZipFile, OSError, EOFError, TokenError, ..."""
    save(path, **arrays())
    whole, draw, n_refused = path.read_bytes(), random.Random(0), 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            load_npz_recordings(path)
        except ValueError:
            n_refused += 1
    assert n_refused > 50


def test_all_arrays_together_are_bounded_by_the_size_of_the_file(path, monkeypatch):
    """Members of a zip file can overlap, so that a bound for each of them is not one for all."""
    write(path)
    with np.load(path) as file:
        n_bytes = sum(file[name].nbytes for name in file.files)
    size = path.stat().st_size
    monkeypatch.setattr(_npz_arrays, "_ALWAYS_ALLOWED", 0)
    monkeypatch.setattr(_npz_arrays, "_MAX_RATIO", (n_bytes + 0.5) / size)
    load_npz_recordings(path)
    monkeypatch.setattr(_npz_arrays, "_MAX_RATIO", (n_bytes - 0.5) / size)
    with pytest.raises(DamagedFileError, match="it cannot have"):
        load_npz_recordings(path)


def test_nothing_is_decompressed_before_names_and_sizes_are_checked(path, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("an array was read")

    monkeypatch.setattr(_npz_arrays.npy_format, "read_array", fail)
    np.savez_compressed(path, other=np.zeros(3 * 10**6))
    with pytest.raises(ValueError, match="lacks the arrays recording_start"):
        load_npz_recordings(path)
    write(path, signal=None)
    with pytest.raises(ValueError, match="lacks a signal"):
        load_npz_recordings(path)
    np.savez_compressed(path, **arrays(other=np.zeros(10**6)))
    monkeypatch.setattr(_npz_arrays, "_ALWAYS_ALLOWED", 10**6)
    with pytest.raises(DamagedFileError, match=r"array other .*it cannot have .*numpy\.savez"):
        load_npz_recordings(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_quiet_recording_loads(path, save):
    n = 10**6  # 12 MB, which compress to 12 kB
    save(path, **arrays(signal=np.zeros((n, 3), "f4"), recording_start=[0, 5, 9, n]))
    assert not load_npz_recordings(path).recordings[2].any()


def test_a_folder_is_not_damage(tmp_path):
    with pytest.raises(IsADirectoryError):
        load_npz_recordings(tmp_path)


# ---------------------------------------------------------------- writing


def assert_same(actual, expected):
    """Compare all entries of two Bunches."""
    assert set(actual) == set(expected)
    for name, values in expected.items():
        found = actual[name]
        assert type(found) is type(values), name
        if isinstance(values, list) and values and isinstance(values[0], np.ndarray):
            assert len(found) == len(values)
            for a, b in zip(found, values, strict=True):
                np.testing.assert_array_equal(a, b, strict=name != "labels", err_msg=name)
        elif isinstance(values, np.ndarray):
            np.testing.assert_array_equal(found, values, strict=True)
        else:
            assert found == values, name


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
FLOATS = st.floats(-8, 8, width=32)


@st.composite
def bunches(draw):
    """Draw recordings in the form that load_npz_recordings returns."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    n_channels = draw(st.integers(1, 3))
    names = draw(st.lists(TEXT.filter(bool), max_size=3, unique=True))
    of_recording = [draw(st.sampled_from(["", *names])) for _ in sizes]
    labels = [np.array([label] * n) for label, n in zip(of_recording, sizes, strict=True)]
    if draw(st.booleans()):
        labels = [
            np.array(draw(st.lists(st.sampled_from(["", *names]), min_size=n, max_size=n)))
            for n in sizes
        ]
    stamps = draw(st.sampled_from([None, "float64", "datetime64[ns]"]))
    return Bunch(
        recordings=[draw(hnp.arrays(np.float32, (n, n_channels), elements=FLOATS)) for n in sizes],
        labels=labels,
        subjects=np.array([draw(TEXT) for _ in sizes]),
        timestamps=stamps and [np.arange(n).astype(stamps) for n in sizes],
        sampling_rate=draw(st.floats(0.1, 1000)),
        units="g",
        placement=draw(TEXT),
        channel_names=[draw(TEXT) for _ in range(n_channels)],
        label_names=names,
        recording_label=np.array(of_recording),
        recording_age=np.arange(len(sizes)),
        sample_speed=[np.arange(n) / 7 for n in sizes],
        DESCR=draw(TEXT),
        licence="CC BY 4.0",
        trials=3,
    )


@given(bunches())
@settings(max_examples=30)
def test_round_trip(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "recordings.npz"
    save_npz_recordings(path, data)
    assert_same(load_npz_recordings(path), data)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_required_entries_only(path):
    recordings = [np.zeros((3, 2)), np.ones((4, 2), np.int16)]
    save_npz_recordings(
        path, {"recordings": recordings, "subjects": ["a", "b"], "sampling_rate": 5, "DESCR": None}
    )
    data = load_npz_recordings(path)
    assert lists(data.recordings) == lists(recordings)
    assert lists(data.labels) == [[""] * 3, [""] * 4]
    assert "DESCR" not in data


def test_labels_are_written_once_for_each_recording_where_possible(path):
    data = arrays() | {"recordings": np.split(np.zeros((8, 3)), [4, 5]), "subjects": list("aba")}
    data = {name: data[name] for name in ("recordings", "subjects", "sampling_rate")}
    for labels, by_sample in [
        ([["sit"] * 4, ["sit"], ["walk"] * 3], False),
        ([["sit"] * 4, [None], ["walk"] * 3], False),
        ([["sit", "sit", "walk", None], ["sit"], ["walk"] * 3], True),
    ]:
        save_npz_recordings(path, data | {"labels": labels})
        with np.load(path) as written:
            assert ("sample_label" in written) is by_sample
            assert ("recording_label" in written) is not by_sample
        expected = [["" if label is None else label for label in part] for part in labels]
        assert lists(load_npz_recordings(path).labels) == expected


def test_labels_of_samples_win_over_those_of_recordings(path):
    data = {
        "recordings": [np.zeros((2, 3)), np.zeros((2, 3))],
        "subjects": ["a", "b"],
        "sampling_rate": 50.0,
        "labels": [np.array(["sit", "sit"]), np.array(["walk", "walk"])],
        "recording_label": np.array(["sit", "mixed"]),
    }
    save_npz_recordings(path, data)
    loaded = load_npz_recordings(path)
    assert lists(loaded.labels) == [["sit", "sit"], ["walk", "walk"]]
    assert loaded.recording_label.tolist() == ["sit", "mixed"]


def good(**changes):
    data = {
        "recordings": [np.zeros((4, 3)), np.zeros((2, 3))],
        "subjects": ["a", "b"],
        "sampling_rate": 50.0,
        "labels": [["sit"] * 4, ["walk"] * 2],
    }
    return {name: value for name, value in (data | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"recordings": None}, "data lacks the entries recordings"),
        ({"subjects": None, "sampling_rate": None}, "lacks the entries subjects, sampling_rate"),
        ({"units": "m/s^2"}, r"units must be 'g'\. Got 'm/s\^2'"),
        ({"recordings": []}, "recordings must be .* Got an empty list"),
        ({"recordings": [np.zeros(4), np.zeros(2)]}, r"Got shapes \('n_samples',\)"),
        ({"recordings": [np.zeros((4, 3)), np.zeros((2, 2))]}, "same n_channels"),
        (
            {"recordings": [np.zeros((4, 3)), np.zeros((0, 3))]},
            "labels has 2 entries for recording",
        ),
        ({"recordings": [np.zeros((6, 3)), np.zeros((0, 3))], "labels": None}, "Recording 1 goes"),
        ({"subjects": ["a"]}, "recording_subject has shape"),
        ({"labels": [["sit"] * 4]}, "labels has 1 entries, but there are 2 recordings"),
        ({"labels": [["sit"] * 4, ["sit"]]}, "labels has 1 entries for recording 1"),
        ({"labels": [[1] * 4, [2] * 2]}, r"labels must be str\. Got 1 of type int"),
        ({"label_names": ["sit"]}, r"label_names .* Got \['sit'\], which lacks \['walk'\]"),
        ({"timestamps": [np.arange(4), np.arange(3)]}, "timestamps has 3 entries for recording 1"),
        (
            {"sample_speed": [np.arange(4)]},
            "sample_speed has 1 entries, but there are 2 recordings",
        ),
        ({"recording_age": [1]}, "recording_age has shape"),
        ({"sampling_rate": [50.0, 20.0]}, "must be one number"),
        ({"signal": np.zeros(3)}, "entries named signal. These names are reserved"),
        ({"sample_label": [np.zeros(4), np.zeros(2)]}, "named sample_label. These names are"),
        ({"note": {"a": 1}}, "note cannot be written without pickle"),
        ({"note": [[1], [1, 2]]}, "note cannot be written as an array: .*inhomogeneous"),
        ({"recordings": [np.full((4, 3), 1e300), np.zeros((2, 3))]}, "too large for float32"),
        ({"recordings": [np.zeros((4, 3), bool), np.zeros((2, 3), bool)]}, "must be real numbers"),
        ({"recordings": [np.zeros((4, 0)), np.zeros((2, 0))]}, "at least one channel"),
    ],
)
def test_invalid_data_leave_the_file_unchanged(path, changes, match):
    save_npz_recordings(path, good())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=match):
        save_npz_recordings(path, good(**changes))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_generated_recordings_can_be_saved(path, dropout):
    data = make_recordings(2, duration=20, dropout=dropout, random_state=0)
    save_npz_recordings(path, data)
    expected = Bunch(**data)
    for name in ("speeds", "cadences"):
        expected[f"sample_{name}"] = expected.pop(name)
    loaded = load_npz_recordings(path)
    del loaded["recording_label"]
    assert_same(loaded, expected)


def test_an_interrupted_write_leaves_the_file_unchanged(path, monkeypatch):
    save_npz_recordings(path, good())
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"some of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        save_npz_recordings(path, good(subjects=["c", "d"]))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# ---------------------------------------------------------------- from files to segments


def test_from_file_to_segments(path):
    rng = np.random.default_rng(0)
    signal = np.array([0, 0.6, 0.8]) + 0.1 * rng.normal(size=(1000, 3))
    start, labels = np.array([0, 600, 1000]), np.array(["walk", "sit"])
    write(
        path,
        signal=signal.astype(np.float32),
        recording_start=start,
        recording_subject=np.array(["ann", "bob"]),
        recording_label=labels,
    )
    data = load_npz_recordings(path)
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        window=2.0,
        labels=data.labels,
        subjects=data.subjects,
        timestamps=data.timestamps,
    )
    assert segments.y.tolist() == ["walk"] * 6 + ["sit"] * 4
    assert segments.groups.tolist() == ["ann"] * 6 + ["bob"] * 4


@pytest.mark.parametrize(
    ("name", "n_recordings", "n_labels"),
    [
        ("hapt", 61, 12),
        ("smartfallmm_wrist", 1472, 14),
        ("wisdm51_watch_reduced", 310, 6),
        ("ipol_gait497_lower_back", 110, 1),
        ("troika_wrist_treadmill", 12, 2),
    ],
)
def test_real_files(name, n_recordings, n_labels):
    path = SHARED / "data" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist; only maintainers have it")
    data = load_npz_recordings(path)
    assert len(data.recordings) == len(data.labels) == len(data.subjects) == n_recordings
    assert len(data.label_names) == n_labels
    assert [len(part) for part in data.labels] == [len(part) for part in data.recordings]
    seen = {label for part in data.labels for label in np.unique(part).tolist()}
    assert seen - {""} == set(data.label_names)
