"""open_embeddings: rows, subjects, and files that are missing or damaged."""

import json
import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn.embeddings import embed_store, open_embeddings
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.segments._store_format import checksum_of
from tests.support.shifted_means import ShiftedMeans


@pytest.fixture
def embedded(tmp_path):
    """Folder of the embeddings of 20 segments in shards of 8, and the embeddings."""
    rng = np.random.default_rng(0)
    shape = {"n_timesteps": 4, "n_channels": 3, "sampling_rate": 50.0}
    with SegmentWriter(tmp_path / "store", **shape) as writer:
        for subject in ["carl", "ann", "bob", "ann"]:
            writer.append(rng.normal(size=(5, 4, 3)), subject)
    store = open_segments(tmp_path / "store")
    means = ShiftedMeans().fit(store.X)
    embed_store(means, store, tmp_path / "out", shard_rows=8, dtype="float32")
    return tmp_path / "out", means.transform(store.X)


def test_rows(embedded):
    folder, expected = embedded
    embeddings = open_embeddings(str(folder))
    X = embeddings.X
    assert X.shape == (20, 3)
    assert X.dtype == np.float32
    assert len(embeddings) == len(X) == 20
    assert embeddings.shard_rows == 8
    assert embeddings.path == folder
    assert_array_equal(X, expected)
    mask = np.arange(20) % 3 == 0
    for key in (slice(3, 17), slice(None, None, -3), [19, 0, 8, 7, 7], mask, -1, slice(0, 0)):
        assert_array_equal(X[key], expected[key])
    assert X[[]].shape == (0, 3)
    assert_array_equal(X[5:18, 1:], expected[5:18, 1:])
    assert repr(embeddings) == f"<Embeddings {str(folder)!r}: 20 segments, 3 features, 3 subjects>"


def test_subjects(embedded):
    folder, expected = embedded
    embeddings = open_embeddings(folder)
    assert_array_equal(embeddings.subjects, ["ann", "bob", "carl"])
    assert_array_equal(embeddings.groups[:], ["carl"] * 5 + ["ann"] * 5 + ["bob"] * 5 + ["ann"] * 5)
    some = embeddings.select(["ann", "bob"])
    assert_array_equal(some.X[:], expected[5:])
    assert_array_equal(some.select(["ann"]).X[[9, 0]], expected[[19, 5]])
    assert_array_equal(some.select(["ann"]).groups[:], ["ann"] * 10)
    with pytest.raises(ValueError, match="subjects has \\['carl'\\], which the store does not"):
        some.select(["carl"])


def test_pickled_as_a_path(embedded):
    folder, expected = embedded
    X = open_embeddings(folder).select(["bob"]).X
    assert X[:].tobytes() == expected[10:15].tobytes()
    pickled = pickle.dumps(X)
    assert len(pickled) < 1000
    assert expected[10].tobytes() not in pickled
    assert_array_equal(pickle.loads(pickled)[:], expected[10:15])


def test_no_embeddings(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path} has no embeddings")):
        open_embeddings(tmp_path)


def test_missing_and_truncated_shards_are_found_at_opening(embedded):
    folder, _ = embedded
    last, first = folder / "shard-000002.npy", folder / "shard-000000.npy"
    content = last.read_bytes()
    for wrong in (content[:-1], content + b"0", b""):
        last.write_bytes(wrong)
        expected = f"{last} has {len(wrong)} bytes, but should have {len(content)} bytes. Call"
        with pytest.raises(DamagedFileError, match=re.escape(expected)):
            open_embeddings(folder)
    first.unlink()
    with pytest.raises(DamagedFileError, match=re.escape(f"{first} is missing, but should")):
        open_embeddings(folder)


@pytest.mark.parametrize("at", [0, 60])
def test_damaged_shards_are_found_when_they_are_read(at, embedded):
    folder, expected = embedded
    path = folder / "shard-000001.npy"
    content = bytearray(path.read_bytes())
    content[at : at + 20] = b" " * 20
    path.write_bytes(content)
    X = open_embeddings(folder).X
    assert_array_equal(X[:8], expected[:8])
    with pytest.raises(DamagedFileError, match=re.escape(f"{path} is damaged")):
        X[7:9]


def flip(path, at):
    """Change one bit of a byte of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("at", [70, 130, -5, -1])
def test_one_bit_that_has_changed_is_found(at, embedded):
    folder, _ = embedded
    open_embeddings(folder).verify()
    flip(folder / "shard-000001.npy", at)
    embeddings = open_embeddings(folder)  # opening reads no values
    message = r"1 of 3 files in .*out are damaged\. .*: shard-000001.npy\. Remove them\. Call embed"
    with pytest.raises(DamagedFileError, match=message):
        embeddings.verify()
    embeddings.select(["bob"])  # rows 10 to 14 are in the same file
    embeddings.select(["carl"]).verify()  # rows 0 to 4 are in another one


def test_all_damaged_files_are_named_and_written_again(embedded):
    folder, expected = embedded
    for number in (0, 2):
        flip(folder / f"shard-00000{number}.npy", -9)
    with pytest.raises(DamagedFileError, match=r"shard-000000.npy, shard-000002.npy\."):
        open_embeddings(folder).verify()
    for number in (0, 2):
        (folder / f"shard-00000{number}.npy").unlink()
    store = open_segments(folder.parent / "store")
    means = ShiftedMeans().fit(store.X)
    embeddings = embed_store(means, store, folder, shard_rows=8, dtype="float32")
    embeddings.verify()
    assert_array_equal(embeddings.X, expected)


@pytest.mark.parametrize("end", [b"", b"\0" * 5])
def test_a_shard_without_its_checksum_is_damaged(end, embedded):
    folder, expected = embedded
    embeddings = open_embeddings(folder)
    path = folder / "shard-000001.npy"
    path.write_bytes(path.read_bytes()[:-4] + end)
    with pytest.raises(DamagedFileError, match=r"1 of 3 files .*: shard-000001\.npy\."):
        embeddings.verify()
    with pytest.raises(DamagedFileError, match=r"shard-000001\.npy has \d+ bytes, but should"):
        open_embeddings(folder)
    store = open_segments(folder.parent / "store")
    means = ShiftedMeans().fit(store.X)
    embeddings = embed_store(means, store, folder, shard_rows=8, dtype="float32")
    assert sum(means.calls_) == 20 + 8  # a sample, and the damaged shard
    embeddings.verify()
    assert_array_equal(embeddings.X, expected)


def test_shards_that_disappear(embedded):
    folder, _ = embedded
    X = open_embeddings(folder).X
    (folder / "shard-000001.npy").unlink()
    with pytest.raises(DamagedFileError, match=r"is missing\. Call embed_store"):
        X[7:9]


def test_a_shard_of_another_shape(embedded):
    folder, _ = embedded
    shape = np.load(folder / "shard-000001.npy").T.shape
    with open(folder / "shard-000001.npy", "wb") as file:
        np.save(file, np.zeros(shape, np.float32))
        file.write(bytes(4))  # of a checksum
    with pytest.raises(DamagedFileError, match=r"it has shape \(3, 8\) and dtype float32"):
        open_embeddings(folder).X[8]


def test_damaged_index(embedded):
    folder, _ = embedded
    path = folder / "index.json"
    text = path.read_bytes()
    for wrong in (text[:-20], text.replace(b"bob", b"bib"), b"[]", b"{}", b"\xff"):
        path.write_bytes(wrong)
        with pytest.raises(DamagedFileError, match=re.escape(str(path))):
            open_embeddings(folder)
    path.write_bytes(text.replace(b'"version": 1', b'"version": 9'))
    with pytest.raises(ValueError, match="of version 9, but this relcon_sklearn reads version 1"):
        open_embeddings(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"n_rows": 0},
        {"n_features": 2.0},
        {"dtype": "float8"},
        {"subjects": ["ann"]},
        {"subjects": 3},
        {"run_sizes": [5, 5, 5, 6]},
        {"run_sizes": [5, 5, 5, -5, 10]},
        {"run_subjects": [0, 1, 2, "a"]},
        {"run_subjects": [-1, 1, 2, 0]},
    ],
)
def test_an_index_that_contradicts_itself(change, embedded):
    folder, _ = embedded
    path = folder / "index.json"
    record = json.loads(path.read_text()) | change
    path.write_text(json.dumps(record | {"checksum": checksum_of(record)}))
    with pytest.raises(DamagedFileError, match=re.escape(f"{path} is damaged")):
        open_embeddings(folder)
