"""open_segments of several stores: the segments of one after the other."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments
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
    store = open_segments(paths)
    assert store.X.shape == (9, 6, 3)
    assert store.X.sampling_rate == store.sampling_rate == 50
    assert_array_equal(store.X[:], X)
    rows = np.array([8, 0, 5, 5, 3, 1, 7])
    assert_array_equal(store.X[rows], X[rows])
    assert_array_equal(store.groups[:], ["bob"] * 2 + ["ann"] * 5 + ["carl"] * 2)
    assert_array_equal(store.subjects, ["ann", "bob", "carl"])
    minutes = [0, 30, 0, 30, 40, 70, 75, 0, 30]
    assert_array_equal(store.times, MORNING + np.array(minutes, "m8[m]"))
    assert_array_equal(store["step"], [0, 1, 0, 1, 0, 1, 2, 0, 1])
    assert store.columns == ["step"]
    assert store.path == paths
    assert repr(store) == "<SegmentStore of 3 stores: 9 segments of 6 x 3 at 50 Hz, 3 subjects>"


def test_an_hour_of_a_subject_may_be_in_several_stores(three):
    hours = np.asarray(open_segments(three[0]).hour_groups)
    assert_array_equal(hours, hours[[0, 0, 2, 2, 2, 5, 5, 7, 7]])
    assert len(set(hours)) == 4


def test_hours_without_dates_belong_to_their_store(tmp_path):
    paths = [write(tmp_path / name, ["ann"], (0, 30, 70), dated=False)[0] for name in "ab"]
    hours = np.asarray(open_segments(paths).hour_groups)
    assert_array_equal(hours, hours[[0, 0, 2, 3, 3, 5]])
    assert len(set(hours)) == 4


def test_select(three):
    paths, X = three
    store = open_segments(paths).select(["carl", "ann"])
    assert_array_equal(store.X[:], X[2:])
    assert_array_equal(store.subjects, ["ann", "carl"])
    assert_array_equal(store["step"], [0, 1, 0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="subjects has \\['dora'\\]"):
        store.select(["dora"])


def test_pickled_as_paths(three):
    store = open_segments(three[0])
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
        ({"dated": False}, "times is 'datetime' in the first and 'seconds' in the second"),
    ],
)
def test_stores_that_differ_are_refused(other, difference, tmp_path):
    paths = [write(tmp_path / "a", ["ann"])[0], write(tmp_path / "b", ["bob"], **other)[0]]
    with pytest.raises(ValueError, match=f"cannot be opened as one: {difference}"):
        open_segments(paths)


def test_no_store(tmp_path):
    with pytest.raises(ValueError, match="path is empty"):
        open_segments([])
    path, _ = write(tmp_path / "a", ["ann"])
    with pytest.raises(FileNotFoundError, match="nothing is not a segment store"):
        open_segments([path, tmp_path / "nothing"])
