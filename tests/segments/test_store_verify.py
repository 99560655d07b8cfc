"""SegmentStore.verify: a byte that has changed is found, in any file of a store."""

import contextlib
import json
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.segments._store_format import checksum_of

SETTINGS = {"n_timesteps": 6, "n_channels": 3, "sampling_rate": 50.0, "columns": {"step": "i2"}}
FILES = ["segments.raw", "times.raw", "column-step.raw"]


def append(writer, subject, n=5):
    X = np.random.default_rng(len(subject)).normal(size=(n, 6, 3))
    writer.append(X, subject, times=np.arange(n), step=np.arange(n))


def write(path, *subjects):
    """Write, or continue, a store; return its path."""
    with SegmentWriter(path, **SETTINGS) as writer:
        for subject in subjects:
            append(writer, subject)
    return path


def flip(path, at=-3):
    """Change one bit of a byte of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def as_version_2(path):
    """Make a store as version 2 has written it: with checksums of the index only."""
    header = json.loads((path / "header.json").read_text())
    checksums = {name: header["checksums"][name] for name in ("runs.raw", "subjects.txt")}
    header |= {"version": 2, "checksums": checksums}
    (path / "header.json").write_text(json.dumps(header | {"checksum": checksum_of(header)}))
    return path


@pytest.mark.parametrize("at", [0, 25, -1])
@pytest.mark.parametrize("name", FILES)
def test_one_bit_that_has_changed_is_found(name, at, tmp_path):
    write(tmp_path, "ann", "bob")
    open_segments(tmp_path).verify()
    flip(tmp_path / name, min(at, 9))
    store = open_segments(tmp_path)  # opening reads no segments
    message = f"damaged: .* match: {re.escape(str(tmp_path / name))}. Copy"
    for each in (store, store.select(["ann"])):
        with pytest.raises(DamagedFileError, match=message):
            each.verify()


def test_checksums_are_those_of_what_is_committed(tmp_path):
    write(tmp_path, "ann")
    write(tmp_path, "bob")
    with SegmentWriter(tmp_path, **SETTINGS) as writer:
        with pytest.raises(ValueError, match="step has shape"):
            writer.append(np.ones((2, 6, 3)), "carl", times=[0, 1], step=[1])
        with writer.transaction():
            append(writer, "dan")
            with contextlib.suppress(OSError), writer.transaction():
                append(writer, "eve")
                raise OSError
        append(writer, "fay")
        before = open_segments(tmp_path)
        append(writer, "guy")
    before.verify()  # of what was committed when it was opened
    for name in FILES:  # what a killed writer leaves behind
        with open(tmp_path / name, "ab") as file:
            file.write(b"half of some rec")
    store = open_segments(tmp_path)
    assert store.subjects.tolist() == ["ann", "bob", "dan", "fay", "guy"]
    store.verify()
    write(tmp_path, "hal")
    open_segments(tmp_path).verify()


def test_without_times_and_columns(tmp_path):
    with SegmentWriter(tmp_path, n_timesteps=6, n_channels=3, sampling_rate=50) as writer:
        writer.append(np.ones((2, 6, 3)), "ann")
    open_segments(tmp_path).verify()
    flip(tmp_path / "segments.raw")
    with pytest.raises(DamagedFileError, match=r"segments\.raw"):
        open_segments(tmp_path).verify()


def test_all_damaged_files_of_several_stores_are_named(tmp_path):
    for i in range(3):
        write(tmp_path / str(i), f"subject {i}")
    store = open_segments(tmp_path)
    store.verify()
    flip(tmp_path / "0" / "times.raw")
    flip(tmp_path / "2" / "segments.raw")
    with pytest.raises(DamagedFileError, match=r"match: \S+/0/times.raw, \S+/2/segments.raw\."):
        store.verify()
    store.select(["subject 1"]).verify()


def test_a_file_that_was_cut_after_opening_is_damaged(tmp_path):
    store = open_segments(write(tmp_path, "ann"))
    content = (tmp_path / "segments.raw").read_bytes()
    (tmp_path / "segments.raw").write_bytes(content[:-1])
    with pytest.raises(DamagedFileError, match=r"segments\.raw"):
        store.verify()
    with pytest.raises(DamagedFileError, match=r"segments\.raw is truncated: it has 359 bytes"):
        store.X[0]
    (tmp_path / "column-step.raw").write_bytes(b"")
    with pytest.raises(DamagedFileError, match=r"column-step\.raw is truncated: it has 0 bytes"):
        store["step"]


def test_a_store_of_an_earlier_version_is_read_and_continued_without_checksums(tmp_path):
    as_version_2(write(tmp_path / "old", "ann"))
    write(tmp_path / "new", "bob")
    with pytest.raises(ValueError, match=r"have no checksums in stores that .*old\."):
        open_segments(tmp_path / "old").verify()
    write(tmp_path / "old", "eve")
    header = json.loads((tmp_path / "old" / "header.json").read_text())
    assert (header["version"], len(header["checksums"])) == (3, 2)
    store = open_segments(tmp_path)
    assert store.subjects.tolist() == ["ann", "bob", "eve"]
    assert_array_equal(store["step"], np.tile(np.arange(5), 3))
    with pytest.raises(ValueError, match=r"began: \S+old\. Write these"):
        store.verify()
    flip(tmp_path / "new" / "segments.raw")  # is more urgent
    with pytest.raises(DamagedFileError, match=r"new.segments\.raw"):
        store.verify()


@pytest.mark.parametrize(
    "checksums",
    [{}, {"runs.raw": 0}, {"runs.raw": 0, "subjects.txt": 0, "times.raw": 0}, {"runs.raw": "0"}],
)
def test_headers_with_other_checksums_are_damaged(checksums, tmp_path):
    write(tmp_path, "ann")
    header = json.loads((tmp_path / "header.json").read_text()) | {"checksums": checksums}
    (tmp_path / "header.json").write_text(json.dumps(header | {"checksum": checksum_of(header)}))
    with pytest.raises(DamagedFileError, match=r"header\.json is damaged: .*checksums"):
        open_segments(tmp_path)
