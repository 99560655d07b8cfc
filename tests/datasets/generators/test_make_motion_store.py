"""make_motion_store: the segments of make_motion on disk, also after interruptions."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn.datasets import make_motion, make_motion_store
from relcon_sklearn.datasets._generators import _make_motion_store, _subject_segments

SMALL = {"n_segments": 61, "n_subjects": 7, "n_timesteps": 32, "sampling_rate": 50.0}


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_store_has_the_segments_of_make_motion(tmp_path):
    settings = SMALL | {"placement": "wrist", "clipping": 2.0, "dropout": 0.1, "n_hours": 3}
    store = make_motion_store(tmp_path / "store", **settings, random_state=5)
    motion = make_motion(**settings, random_state=5)
    assert_array_equal(store.X[:], motion.X)
    assert_array_equal(store["activity"], motion.y)
    assert_array_equal(store["speed"], motion.speed)
    assert_array_equal(store["cadence"], motion.cadence)
    assert_array_equal(np.asarray(store.groups), [f"s{group}" for group in motion.groups])
    _, hours = np.unique(motion.hour_groups, return_inverse=True)
    assert_array_equal(np.asarray(store.hour_groups), hours)
    assert store.sampling_rate == 50.0
    assert store.columns == ["activity", "speed", "cadence"]


def test_result_does_not_depend_on_the_chunk_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_subject_segments, "_CHUNK", 5 * 32)
    store = make_motion_store(tmp_path, **SMALL, dropout=0.2)
    assert_array_equal(store.X[:], make_motion(**SMALL, dropout=0.2, n_hours=1, random_state=0).X)
    assert len(store.subjects) == 7


def test_times_follow_each_other_within_their_hour(tmp_path):
    # Each subject has 40 segments of 256 s, which need three hours.
    store = make_motion_store(tmp_path, 80, 2, n_timesteps=32, sampling_rate=0.125)
    start = np.datetime64("2024-01-01")
    for rows in (slice(0, 40), slice(40, 80)):
        elapsed = (store.times[rows] - start).astype(float) / 1e9
        hours = np.asarray(store.hour_groups)[rows]
        assert elapsed[0] == 0
        assert np.diff(elapsed).min() >= 256
        assert len(set(hours)) == 3
        assert_array_equal(hours - hours[0], elapsed // 3600)


def test_interrupted_run_is_continued_to_the_same_store(tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    make_motion_store(whole, **SMALL)
    monkeypatch.setattr(_subject_segments, "_CHUNK", 3 * 32)
    make_motion_store(tmp_path / "chunked", **SMALL)

    generate, n_calls = _make_motion_store.generate_segments, []

    def crash_in_the_third_subject(settings, plan):
        n_calls.append(plan)
        for k, chunk in enumerate(generate(settings, plan)):
            if len(n_calls) == 3 and k == 1:
                raise KeyboardInterrupt
            yield chunk

    monkeypatch.setattr(_make_motion_store, "generate_segments", crash_in_the_third_subject)
    with pytest.raises(KeyboardInterrupt):
        make_motion_store(broken, **SMALL)
    assert open_segments(broken).subjects.tolist() == ["s0", "s1"]
    store = make_motion_store(broken, **SMALL)
    assert len(n_calls) == 3 + 5  # the first two subjects were not generated again
    assert len(store) == 61
    assert contents(broken) == contents(tmp_path / "chunked")
    monkeypatch.undo()
    before = contents(broken)
    assert len(make_motion_store(broken, **SMALL)) == 61
    assert contents(broken) == before


def test_interruption_before_the_first_subject(tmp_path, monkeypatch):
    """The header of the store exists, but the file with its parameters does not."""

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(_make_motion_store, "_write_record", crash)
    with pytest.raises(KeyboardInterrupt):
        make_motion_store(tmp_path, **SMALL)
    monkeypatch.undo()
    assert_array_equal(
        make_motion_store(tmp_path, **SMALL).X[:], make_motion(**SMALL, n_hours=1, random_state=0).X
    )


@pytest.mark.parametrize(("dtype", "atol"), [("float16", 2e-3), ("int16", 3e-4)])
def test_dtypes_that_need_half_the_space(tmp_path, dtype, atol):
    store = make_motion_store(tmp_path, **SMALL, dtype=dtype)
    X = make_motion(**SMALL, n_hours=1, random_state=0).X
    assert (tmp_path / "segments.raw").stat().st_size == X.nbytes // 2
    np.testing.assert_allclose(store.X[:], X, atol=atol)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"random_state": 1}, r"other parameters: random_state was 0, not 1\. Pass the same"),
        ({"placement": "ankle"}, "placement was 'waist', not 'ankle'"),
        ({"n_segments": 70}, "n_segments was 61, not 70"),
        ({"n_timesteps": 16}, "n_timesteps was 32, not 16"),
        ({"dtype": "int16"}, "dtype was 'float32', not 'int16'"),
    ],
)
def test_other_parameters_are_rejected(tmp_path, other, match):
    make_motion_store(tmp_path, **SMALL)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=match):
        make_motion_store(tmp_path, **SMALL | other)
    assert contents(tmp_path) == before


def test_other_stores_are_not_changed(tmp_path):
    columns = {"activity": "U8", "speed": "float32", "cadence": "float32"}
    with SegmentWriter(
        tmp_path, n_timesteps=32, n_channels=3, sampling_rate=50.0, columns=columns
    ) as writer:
        writer.append(np.ones((1, 32, 3)), "ann", activity=["x"], speed=[0.0], cadence=[0.0])
    with pytest.raises(ValueError, match=r"that make_motion_store did not create\. Choose another"):
        make_motion_store(tmp_path, **SMALL)
    assert len(open_segments(tmp_path)) == 1


def test_other_files_are_not_changed(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is neither an empty directory"):
        make_motion_store(tmp_path, **SMALL)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_parameters_are_written_to_a_file(tmp_path):
    make_motion_store(tmp_path, **SMALL, clipping=np.inf)
    record = json.loads((tmp_path / "make_motion_store.json").read_text())
    assert record["n_subjects"] == 7
    assert record["random_state"] == 0
    assert len(make_motion_store(tmp_path, **SMALL, clipping=np.inf)) == 61


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"n_segments": 4, "n_subjects": 5}, "n_segments=4 is less than n_subjects=5"),
        ({"activities": []}, "activities must be a non-empty list"),
        ({"random_state": None}, r"'random_state' parameter .* Got None"),
        ({"dtype": "int8"}, r"'dtype' parameter .* Got 'int8'"),
        ({"n_hours": 0}, r"'n_hours' parameter .* Got 0"),
    ],
)
def test_errors_name_the_parameter_and_the_value(tmp_path, kwargs, match):
    with pytest.raises(ValueError, match=match):
        make_motion_store(tmp_path / "store", **kwargs)
    assert not (tmp_path / "store").exists()
