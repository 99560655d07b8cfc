"""open_segments of several stores: the segments of one after the other."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.estimators import tiny_embedder

SHAPE = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0}
MORNING = np.datetime64("2026-03-01T10:00")


def write(path, subjects, minutes=(0, 30), dated=True, seed=0, columns=None, **kwargs):
    """Write segments that start at some minutes for each subject; return the path and them."""
    rng = np.random.default_rng(seed)
    X = np.rint(rng.normal(size=(len(subjects) * len(minutes), 6, 3)) * 256) / 256
    seconds = 60 * np.array(minutes)
    times = MORNING + seconds.astype("m8[s]") if dated else seconds
    values = {name: np.arange(len(minutes)) for name in columns or {}}
    with SegmentWriter(path, columns=columns, **(SHAPE | kwargs)) as writer:
        for part, subject in zip(np.split(X, len(subjects)), subjects, strict=True):
            writer.append(part, subject, times=times, **values)
    return path, X.astype(np.float32)


@pytest.fixture
def three(tmp_path):
    """Paths of three stores, and all segments."""
    written = [
        write(tmp_path / "0", ["bob", "ann"], seed=0, columns={"step": "int16"}),
        write(tmp_path / "1", ["ann"], (40, 70, 75), seed=1, columns={"step": "int16"}),
        write(tmp_path / "2", ["carl"], seed=2, dtype="int16", columns={"step": "int16"}),
    ]
    return [path for path, _ in written], np.concatenate([X for _, X in written])


def test_segments_of_one_store_after_the_other(three):
    paths, X = three
    store = open_segments(paths, join_subjects=True)
    assert store.X.shape == (9, 6, 3)
    assert store.X.sampling_rate == store.sampling_rate == 50
    assert_array_equal(store.X[:], X)
    rows = np.array([8, 0, 5, 5, 3, 1, 7])
    assert_array_equal(store.X[rows], X[rows])
    assert store.X[[]].shape == store.X[9:].shape == (0, 6, 3)
    assert_array_equal(store.groups[:], ["bob"] * 2 + ["ann"] * 5 + ["carl"] * 2)
    assert_array_equal(store.subjects, ["ann", "bob", "carl"])
    minutes = [0, 30, 0, 30, 40, 70, 75, 0, 30]
    assert_array_equal(store.times, MORNING + np.array(minutes, "m8[m]"))
    assert_array_equal(store["step"], [0, 1, 0, 1, 0, 1, 2, 0, 1])
    assert store.columns == ["step"]
    assert store.path == paths
    assert repr(store) == "<SegmentStore of 3 stores: 9 segments of 6 x 3 at 50 Hz, 3 subjects>"


def test_an_hour_of_a_subject_may_be_in_several_stores(three):
    hours = np.asarray(open_segments(three[0], join_subjects=True).hour_groups)
    assert_array_equal(hours, hours[[0, 0, 2, 2, 2, 5, 5, 7, 7]])
    assert len(set(hours)) == 4


def test_hours_without_dates_belong_to_their_store(tmp_path):
    paths = [write(tmp_path / name, ["ann"], (0, 30, 70), dated=False)[0] for name in "ab"]
    hours = np.asarray(open_segments(paths, join_subjects=True).hour_groups)
    assert_array_equal(hours, hours[[0, 0, 2, 3, 3, 5]])
    assert len(set(hours)) == 4


def test_select(three):
    paths, X = three
    store = open_segments(paths, join_subjects=True).select(["carl", "ann"])
    assert_array_equal(store.X[:], X[2:])
    assert_array_equal(store.subjects, ["ann", "carl"])
    assert_array_equal(store["step"], [0, 1, 0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="subjects has \\['dora'\\]"):
        store.select(["dora"])


def test_pickled_as_paths(three):
    store = open_segments(three[0], join_subjects=False)
    for pickled in (pickle.dumps(store.X), pickle.dumps(store)):
        assert three[1][0].tobytes() not in pickled
    assert_array_equal(pickle.loads(pickle.dumps(store)).X[:], three[1])
    assert_array_equal(pickle.loads(pickle.dumps(store.X))[2:4], three[1][2:4])


def test_one_path_in_a_list_is_one_store(three):
    store = open_segments(three[0][:1])
    assert store.path == three[0][0].resolve()


def test_a_fit_is_that_on_an_array(tmp_path):
    rng = np.random.default_rng(0)
    X, paths = [], []
    for name in ("ann", "bob", "carl"):
        part = rng.normal(size=(12, 32, 3)).astype(np.float32)
        with SegmentWriter(tmp_path / name, n_timesteps=32, n_channels=3, sampling_rate=50) as w:
            w.append(part, name)
        X.append(part)
        paths.append(tmp_path / name)
    store = open_segments(paths)
    joined = tiny_embedder(max_epochs=1).fit(store.X, groups=store.groups)
    plain = tiny_embedder(max_epochs=1).fit(np.concatenate(X), groups=np.asarray(store.groups))
    assert_array_equal(joined.transform(store.X), plain.transform(np.concatenate(X)))
    assert joined.sampling_rate_ == 50


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"sampling_rate": 25.0}, "sampling_rate is 50.0 in the first and 25.0 in the second"),
        ({"channels": ["a", "b", "c"]}, "channels is"),
        ({"columns": {"step": "int16"}}, "columns is"),
        ({"units": "m/s^2"}, "units is 'g' in the first and 'm/s\\^2' in the second"),
        ({"dated": False}, "times is 'datetime' in the first and 'seconds' in the second"),
    ],
)
def test_stores_that_differ_are_refused(other, difference, tmp_path):
    paths = [write(tmp_path / "a", ["ann"])[0], write(tmp_path / "b", ["bob"], **other)[0]]
    both = re.escape(f"The stores {paths[0]} and {paths[1]} cannot be opened as one: ")
    with pytest.raises(ValueError, match=both + difference):
        open_segments(paths)


@pytest.mark.parametrize("shape", [(5, 3), (6, 2)])
def test_stores_of_other_shapes_are_refused(shape, tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    write(paths[0], ["ann"])
    n_timesteps, n_channels = shape
    kind = {"n_timesteps": n_timesteps, "n_channels": n_channels, "sampling_rate": 50.0}
    with SegmentWriter(paths[1], **kind) as writer:
        writer.append(np.zeros((2, *shape)), "bob")
    with pytest.raises(ValueError, match=f"{paths[0]} and {paths[1]} .* n_(timesteps|channels) is"):
        open_segments(paths)


# ---------------------------------------------------------------- subjects of the same name


def test_subjects_of_the_same_name_are_kept_apart(three):
    paths, X = three
    store = open_segments(paths, join_subjects=False)
    assert_array_equal(store.X[:], X)
    assert_array_equal(store.groups[:], ["bob"] * 2 + ["0/ann"] * 2 + ["1/ann"] * 3 + ["carl"] * 2)
    assert_array_equal(store.subjects, ["0/ann", "1/ann", "bob", "carl"])
    hours = np.asarray(store.hour_groups)
    assert_array_equal(hours, hours[[0, 0, 2, 2, 4, 5, 5, 7, 7]])
    assert len(set(hours)) == 5
    some = store.select(["1/ann", "bob"])
    assert_array_equal(some.X[:], X[[0, 1, 4, 5, 6]])
    assert_array_equal(some.groups[:], ["bob"] * 2 + ["1/ann"] * 3)
    assert_array_equal(some.select(["1/ann"]).X[:], X[4:7])
    with pytest.raises(ValueError, match="subjects has \\['ann'\\]"):
        store.select(["ann"])


def test_what_to_do_with_shared_names_is_asked(three):
    expected = (
        "Several stores have subjects of the same name, 1 in total, for example 'ann' in "
        f"{three[0][0]} and {three[0][1]}. Their segments are kept apart, as '0/ann' and '1/ann'."
    )
    with pytest.warns(UserWarning, match=re.escape(expected)):
        store = open_segments(three[0])
    assert "0/ann" in store.subjects


def test_folders_of_the_same_name_are_named_with_those_above(tmp_path):
    paths = [write(tmp_path / machine / "store", ["ann"])[0] for machine in ("m0", "m1")]
    store = open_segments(paths, join_subjects=False)
    assert_array_equal(store.subjects, ["m0/store/ann", "m1/store/ann"])


def test_a_name_that_is_taken(tmp_path):
    paths = [write(tmp_path / name, ["ann"])[0] for name in "ab"]
    paths.append(write(tmp_path / "c", ["a/ann"])[0])
    with pytest.raises(ValueError, match="'a/ann' is also the name of a subject"):
        open_segments(paths, join_subjects=False)
    assert_array_equal(open_segments(paths, join_subjects=True).subjects, ["a/ann", "ann"])


# ---------------------------------------------------------------- folders of stores


def test_a_folder_of_stores(three, tmp_path):
    paths, X = three
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".unfinished" / "3").mkdir(parents=True)
    store = open_segments(tmp_path, join_subjects=True)
    assert store.path == paths
    assert_array_equal(store.X[:], X)
    assert open_segments([tmp_path], join_subjects=True).path == paths


def test_folders_that_are_no_stores_are_named(three, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(FileNotFoundError, match=r"other is not a segment store: .* has stores"):
        open_segments(tmp_path)
    with pytest.raises(FileNotFoundError, match="other is not a segment store"):
        open_segments([*three[0], tmp_path / "other"])


@pytest.mark.parametrize("join", [True, False, None])
def test_a_damaged_store_is_named(join, three, tmp_path):
    runs = tmp_path / "1" / "runs.raw"
    runs.write_bytes(b"\0" + runs.read_bytes()[1:-1] + b"\1")
    with pytest.raises(DamagedFileError, match=re.escape(f"{runs} is damaged")):
        open_segments(tmp_path, join_subjects=join)


def test_a_store_without_segments_is_named(three, tmp_path):
    with SegmentWriter(tmp_path / "3", **SHAPE):
        pass
    with pytest.raises(ValueError, match=f"{tmp_path / '3'} holds no segments"):
        open_segments(tmp_path)


def test_a_store_twice(three):
    with pytest.raises(ValueError, match=f"path has the store {three[0][1]} twice"):
        open_segments([*three[0], three[0][1].parent / "." / "1"])


def test_no_store(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a segment store"):
        open_segments(tmp_path)
    with pytest.raises(ValueError, match="path is empty"):
        open_segments([])
    path, _ = write(tmp_path / "a", ["ann"])
    with pytest.raises(FileNotFoundError, match="nothing is not a segment store"):
        open_segments([path, tmp_path / "nothing"])
