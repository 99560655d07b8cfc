"""convert_recordings: a complete store for each file, and a row with the result."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments, segment_recordings
from relcon_sklearn.recordings import convert_recordings, read_recording
from tests.support.device_files import motion, write_cwa

pd = pytest.importorskip("pandas")

SETTINGS = {"window": 5, "target_rate": 20}
EVENING = 1709676000  # 2024-03-05 22:00:00


def write_e4(path, seconds=20, start=EVENING, rate=32):
    """Write an ACC.csv file of Empatica E4 whose motion depends on its name."""
    rng = np.random.default_rng(sum(path.name.encode()))
    counts = rng.integers(-20, 20, (seconds * rate, 3)) + np.array([0, 0, 64])
    with open(path, "w") as file:
        file.write(f"{start}.0, {start}.0, {start}.0\n{rate}.0, {rate}.0, {rate}.0\n")
        np.savetxt(file, counts, fmt="%d", delimiter=",")
    return path


@pytest.fixture
def files(tmp_path):
    """Paths of three files."""
    (tmp_path / "in").mkdir()
    return [write_e4(tmp_path / "in" / f"{name}.csv") for name in ("carl", "ann", "bob")]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def contents(folder):
    """The bytes of the files of all stores in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".unfinished" not in path.parts
    }


def changed(path):
    """Give a file another time of modification."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


# ---------------------------------------------------------------- what comes back


def test_stores_have_what_segment_recordings_returns(files, out):
    table = convert_recordings(files, out, **SETTINGS)
    assert table.index.tolist() == ["carl", "ann", "bob"]
    assert table["file"].tolist() == list(map(str, files))
    assert table["subject"].tolist() == ["carl", "ann", "bob"]
    assert table["status"].tolist() == ["converted"] * 3
    assert table["n_segments"].tolist() == [4] * 3
    assert table["hours"].tolist() == pytest.approx([20 / 3600] * 3)
    assert table["start"].tolist() == [pd.Timestamp(EVENING, unit="s")] * 3
    assert table["stop"].tolist() == [pd.Timestamp(EVENING + 20, unit="s")] * 3
    assert (table[["reason", "warnings"]] == "").all(axis=None)
    assert sorted(path.name for path in out.iterdir()) == [".unfinished", "ann", "bob", "carl"]
    recordings = [read_recording(path) for path in files]
    expected = segment_recordings(recordings, subjects=table["subject"].tolist(), **SETTINGS)
    store = open_segments(table["store"])
    assert_array_equal(store.X[:], expected.X)
    assert_array_equal(store.groups[:], expected.groups)
    assert_array_equal(store.times, expected.start_times)
    assert store.sampling_rate == 20


@pytest.mark.slow
def test_processes_write_the_same(files, out, tmp_path):
    one = convert_recordings(files, out, **SETTINGS)
    two = convert_recordings(files, tmp_path / "two", **SETTINGS, n_jobs=2)
    pd.testing.assert_frame_equal(one.drop(columns="store"), two.drop(columns="store"))
    assert contents(out) == contents(tmp_path / "two")


def test_joblib_chooses_the_backend(files, out):
    with joblib.parallel_config("threading", n_jobs=2):
        table = convert_recordings(files, out, **SETTINGS)
    assert (table["status"] == "converted").all()


def test_parameters_of_segment_recordings_and_of_the_writer(files, out):
    table = convert_recordings(files[:1], out, **SETTINGS, overlap=0.5, dtype="int16")
    store = open_segments(table["store"])
    assert len(store) == table["n_segments"].item() == 7
    assert table["hours"].item() == pytest.approx(20 / 3600)  # overlaps count once
    assert json.loads((store.path / "header.json").read_text())["dtype"] == "int16"


def test_the_column_of_times(out, tmp_path):
    """It is a parameter of the reader, after which the times are in the index."""
    dates = pd.date_range("2024-03-05 22:00", periods=600, freq="20ms")
    frame = pd.DataFrame(motion(600), columns=["x (g)", "y (g)", "z (g)"])
    frame = frame.assign(time=dates, received=dates + pd.Timedelta("1h"))
    frame.to_csv(tmp_path / "ann.csv", index=False)
    with pytest.warns(UserWarning, match=r"name it: time='time' or time='received'"):
        convert_recordings([tmp_path / "ann.csv"], out, **SETTINGS)
    for name in ("received", "time"):
        table = convert_recordings([tmp_path / "ann.csv"], out, **SETTINGS, time=name)
        assert table["status"].tolist() == ["converted"]
        assert table["start"].tolist() == [frame[name][0]]


def test_own_function_that_reads(files, out):
    def read(path):
        recording = read_recording(path)
        return recording.iloc[: len(recording) // 2]

    assert convert_recordings(files[:1], out, **SETTINGS, read=read)["n_segments"].item() == 2


def test_recordings_without_dates(files, out):
    def read(path):
        frame = read_recording(path).reset_index(drop=True)
        frame.attrs = {"units": "g", "sampling_rate": 32.0}
        return frame

    row = convert_recordings(files[:1], out, **SETTINGS, read=read).iloc[0]
    assert pd.isna(row["start"])
    assert pd.isna(row["stop"])
    assert row["hours"] == pytest.approx(20 / 3600)


def test_names_without_extensions(files, out):
    compressed = files[0].with_name("dora.csv.gz")
    pd.Series([1]).to_csv(compressed)
    with pytest.warns(UserWarning, match="1 of 1 files were not converted"):
        table = convert_recordings([compressed], out, **SETTINGS)
    assert table.index.tolist() == ["dora"]


# ---------------------------------------------------------------- subjects and names


def test_files_of_one_person(files, out):
    write_e4(files[1], start=EVENING + 600)
    table = convert_recordings(files, out, **SETTINGS, subjects=["ann", "ann", "bob"])
    store = open_segments(table["store"], join_subjects=True)
    assert store.subjects.tolist() == ["ann", "bob"]


def test_two_people_under_one_name_are_told(files, out):
    with pytest.warns(
        UserWarning, match="overlap in time: those of carl, ann, of subject 'x'. Check"
    ):
        convert_recordings(files, out, **SETTINGS, subjects=["x", "x", "bob"])


def test_files_of_one_name_are_refused(tmp_path, out):
    paths = []
    for session in ("s1", "s2"):
        (tmp_path / session).mkdir()
        paths.append(write_e4(tmp_path / session / "ACC.csv"))
    with pytest.raises(ValueError, match="paths has 2 files of the name 'acc'"):
        convert_recordings(paths, out, **SETTINGS)
    assert not out.exists()
    table = convert_recordings({path.parent.name: path for path in paths}, out, **SETTINGS)
    assert table["subject"].tolist() == ["s1", "s2"]


def test_the_store_of_another_file_is_not_replaced(files, out, tmp_path):
    convert_recordings(files, out, **SETTINGS)
    before = contents(out)
    other = write_e4(tmp_path / "ann.csv", seconds=30)
    with pytest.warns(UserWarning, match=f"ann was made from another file, {files[1]}"):
        table = convert_recordings([other], out, **SETTINGS)
    assert table["status"].tolist() == ["failed"]
    assert contents(out) == before


def test_a_folder_of_others_is_not_replaced(files, out):
    with SegmentWriter(out / "ann", n_timesteps=4, n_channels=3, sampling_rate=20) as writer:
        writer.append(np.ones((2, 4, 3)), "ann")
    before = contents(out / "ann")
    with pytest.warns(UserWarning, match="ann exists, and convert_recordings did not write it"):
        convert_recordings(files, out, **SETTINGS)
    assert contents(out / "ann") == before
    assert len(open_segments([out / "bob", out / "carl"])) == 8


# ---------------------------------------------------------------- again


@pytest.fixture
def done(files, out):
    """Convert the files; return a function that does it again and returns what is not kept."""
    convert_recordings(files, out, **SETTINGS)

    def again(paths=files, **kwargs):
        status = convert_recordings(paths, out, **(SETTINGS | kwargs))["status"]
        return {name: what for name, what in status.items() if what != "kept"}

    return again


def test_complete_stores_are_kept(files, out, done):
    before = contents(out)

    def read(path):
        raise AssertionError("is not read again")

    assert done() == {}
    assert done(stride=None, nonwear=None) == {}  # the defaults
    row = convert_recordings(files[:1], out, **SETTINGS).iloc[0]
    assert (row["n_segments"], row["start"]) == (4, pd.Timestamp(EVENING, unit="s"))
    assert contents(out) == before


def test_moved_files_are_kept(files, out, done, tmp_path):
    (tmp_path / "in").rename(tmp_path / "moved")
    assert done([tmp_path / "moved" / path.name for path in files]) == {}


def test_changed_files_are_converted_again(files, out, done):
    write_e4(files[1], seconds=30)
    assert done() == {"ann": "converted"}
    assert len(open_segments(out / "ann")) == 6
    changed(files[2])  # to other content of the same size, as far as one can tell
    assert done() == {"bob": "converted"}
    assert done() == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 2},
        {"overlap": 0.5},
        {"dtype": "float16"},
        {"subjects": ["carl", "anna", "bob"]},
        {"read": partial(read_recording, errors="skip")},
        {"read": lambda path: read_recording(path)},
    ],
    ids=["window", "overlap", "dtype", "subjects", "partial", "lambda"],
)
def test_other_settings_convert_again(settings, done):
    others = ["ann"] if "subjects" in settings else ["carl", "ann", "bob"]
    assert done(**settings) == dict.fromkeys(others, "converted")
    assert done(**settings) == {}


def test_functions_are_told_by_their_source(done):
    def read(path):
        return read_recording(path)

    done(read=read)

    def read(path):
        return read_recording(path).iloc[100:]

    assert len(done(read=read)) == 3


def test_damaged_stores_are_made_again(out, done):
    before = contents(out)
    with open(out / "ann" / "segments.raw", "r+b") as file:
        file.truncate(100)
    (out / "bob" / "source.json").write_bytes(b"{")
    assert done() == {"ann": "converted", "bob": "converted"}
    assert contents(out) == before


def test_what_a_killed_call_left_is_removed(files, out):
    convert_recordings(files, out, **SETTINGS)
    before = contents(out)
    (out / "ann").rename(out / ".unfinished" / "ann.old")
    with SegmentWriter(
        out / ".unfinished" / "ann.new", n_timesteps=100, n_channels=3, sampling_rate=20
    ) as writer:
        writer.append(np.ones((2, 100, 3)), "ann")
    convert_recordings(files, out, **SETTINGS)
    assert contents(out) == before
    assert not [path for path in (out / ".unfinished").iterdir() if path.is_dir()]


# ---------------------------------------------------------------- what is wrong with files


def test_bad_files_do_not_stop_others(files, out):
    pytest.importorskip("actfast")
    folder = files[0].parent
    good, cut, other, jump, no_rate = (folder / f"{name}.cwa" for name in "gcojn")
    starts = np.datetime64("2024-03-05T22:00") + np.arange(30) * np.timedelta64(800, "ms")
    write_cwa(good, motion(2400), starts)
    cut.write_bytes(good.read_bytes()[:-200])
    other.write_bytes(files[0].read_bytes())
    set_back = np.where(np.arange(30) < 20, starts, starts - np.timedelta64(1, "h"))
    write_cwa(jump, motion(2400), set_back)
    write_cwa(no_rate, motion(2400), starts, rate_code=0)
    empty, short = folder / "empty.csv", write_e4(folder / "short.csv", seconds=3)
    empty.touch()
    missing = folder / "missing.csv"
    bad = [cut, other, jump, no_rate, empty, short, missing]
    with pytest.warns(UserWarning, match=r"7 of 9 files were not converted.*; and 4 more"):
        table = convert_recordings([good, *bad, files[1]], out, **SETTINGS)
    assert table["status"].tolist() == ["converted", *["failed"] * 7, "converted"]
    reasons = table["reason"]
    assert all(str(path) in reasons[path.stem] for path in bad)
    assert "was cut: its last block has 312 of 512 bytes. Copy it" in reasons["c"]
    assert "has the extension .cwa, but its content is Empatica E4" in reasons["o"]
    assert "is empty. Copy it from the device again" in reasons["empty"]
    assert "is 3 s long, shorter than a window of 5 s" in reasons["short"]
    assert "No such file" in reasons["missing"]
    assert table["store"].dropna().tolist() == [str(out / "g"), str(out / "ann")]


def test_warnings_are_in_the_table(files, out):
    def read(path):
        frame = read_recording(path)
        frame[["x", "y", "z"]] = [0, 0, 1.2]  # never moves, and is not calibrated
        return frame

    write_e4(files[0], seconds=80)
    message = "Warnings about 1 of 1 files.*carl: Still stretches"
    for _ in range(2):  # also if the store is kept
        with pytest.warns(UserWarning, match=message):
            table = convert_recordings(files[:1], out, **SETTINGS, read=read)
        assert table["warnings"].item().startswith("Still stretches differ from 1 g")
    assert table["status"].item() == "kept"


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"paths": "ann.csv"}, ValueError, "is one path. Pass a list"),
        ({"paths": []}, ValueError, "paths is empty"),
        ({"paths": {"a/b": "ann.csv"}}, ValueError, "cannot be the name of a folder"),
        ({"paths": {".unfinished": "ann.csv"}}, ValueError, "cannot be the name of a folder"),
        ({"subjects": ["ann", "bob"]}, ValueError, "one value for each of the 1 files. Got 2"),
        ({"subjects": [3]}, TypeError, "subjects has 3 of type int"),
        ({"target_rate": None}, ValueError, "target_rate is None"),
        ({"labels": "activity"}, TypeError, "no parameter 'labels'. Of segment_recordings, it"),
        ({"nonwear": -1}, ValueError, "'nonwear' parameter of convert_recordings"),
        ({"stride": 5, "overlap": 0.5}, ValueError, "cannot be used together"),
    ],
)
def test_parameters_are_checked_before_anything_is_converted(kwargs, error, message, out):
    with pytest.raises(error, match=message):
        convert_recordings(**({"paths": ["ann.csv"], "out": out} | SETTINGS | kwargs))
    assert not out.exists()


# ---------------------------------------------------------------- killed

_SCRIPT = """
import sys
from relcon_sklearn.recordings import convert_recordings
convert_recordings(sys.argv[2:], sys.argv[1], window=5, target_rate=20, n_jobs=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="kills groups of processes")
def test_killed_conversions_end_with_the_same_stores(tmp_path):
    (tmp_path / "in").mkdir()
    files = [write_e4(tmp_path / "in" / f"{i}.csv", seconds=600) for i in range(12)]
    convert_recordings(files, tmp_path / "whole", **SETTINGS)
    expected = contents(tmp_path / "whole")
    command = [sys.executable, "-c", _SCRIPT, tmp_path / "out", *files]
    rng = np.random.default_rng(0)
    for _ in range(2):
        process = subprocess.Popen(command, start_new_session=True)
        while not (tmp_path / "out").exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert contents(tmp_path / "out") == expected
