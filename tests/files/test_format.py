"""The file format: tensors and a header, read completely or refused."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from relcon_sklearn._files import _format
from relcon_sklearn._files._format import FileError, Spec, encode_file, open_file

HEADER = {"text": 'say "ä"', "number": 0.1, "list": [1, None, True]}


def tensors():
    return {
        "b": torch.arange(6.0).reshape(2, 3),
        "a": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "half": torch.tensor([0.1, -2], dtype=torch.bfloat16),
        "flags": torch.tensor([True, False]),
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(encode_file(HEADER, tensors()))
    return path


def read(path):
    with open_file(path) as file:
        return file.header, file.specs, file.tensors()


def rewrite(path, change):
    """Change only the metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    change(metadata)
    path.write_bytes(save(load_file(path), metadata or None))


def sign(metadata):
    metadata["checksum"] = _format._checksum_of_header(metadata["header"])


def test_what_is_written_is_read(path):
    header, specs, found = read(path)
    assert header == HEADER
    assert found.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert specs[name] == Spec.of(tensor)
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_what_is_read_does_not_depend_on_the_file(path):
    found = read(path)[2]
    with open(path, "r+b") as file:
        file.seek(-64, os.SEEK_END)
        file.write(bytes(64))
    os.truncate(path, 0)
    assert torch.equal(found["b"], tensors()["b"])


def test_any_tool_for_safetensors_reads_it(path):
    found = load_file(path)
    assert torch.equal(found["b"], tensors()["b"])
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["header"])["number"] == 0.1
        np.testing.assert_array_equal(file.get_tensor("a"), 7)


def test_tensors_in_any_layout_and_in_shared_memory(tmp_path):
    grid = torch.arange(6.0).reshape(2, 3)
    path = tmp_path / "file"
    path.write_bytes(encode_file({}, {"a": grid, "b": grid.T, "c": grid[:, ::2], "d": grid[0]}))
    found = read(path)[2]
    for name, expected in [("a", grid), ("b", grid.T), ("c", grid[:, ::2]), ("d", grid[0])]:
        assert torch.equal(found[name], expected)


def test_writing_changes_nothing():
    before = torch.nn.Parameter(torch.ones(3))
    encode_file({}, {"a": before})
    assert before.requires_grad
    assert torch.equal(before, torch.ones(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_refuses_to_write_what_is_not_finite(value, dtype):
    with pytest.raises(FileError, match="a holds NaN or infinity"):
        encode_file({}, {"a": torch.tensor([0, value], dtype=dtype)})


def test_refuses_to_read_what_is_not_finite(tmp_path, monkeypatch):
    path = tmp_path / "file"
    with monkeypatch.context() as patch:
        patch.setattr(_format, "_check_finite", lambda *args: None)
        path.write_bytes(encode_file({}, {"a": torch.tensor([0, np.nan])}))
    with pytest.raises(FileError, match="a holds NaN or infinity"):
        read(path)


def test_refuses_dtypes_that_files_do_not_hold():
    with pytest.raises(FileError, match=r"a has dtype torch.complex64"):
        encode_file({}, {"a": torch.zeros(2, dtype=torch.complex64)})


def test_refuses_numbers_that_json_does_not_have():
    with pytest.raises(ValueError, match="JSON compliant"):
        encode_file({"a": float("nan")}, {})


@pytest.mark.parametrize(
    "much",
    [
        lambda: ({"a": "x" * 2**21}, {}),
        lambda: ({}, {str(i): torch.zeros(()) for i in range(10_001)}),
    ],
)
def test_refuses_to_write_more_than_it_would_read(much):
    with pytest.raises(FileError, match=r"a file holds up to 10000 tensors .* joblib"):
        encode_file(*much())


def test_a_flipped_bit_in_any_byte_is_noticed(path):
    content = path.read_bytes()
    expected = read(path)
    n_identical = 0
    for i in range(len(content)):
        changed = bytearray(content)
        changed[i] ^= 1 << i % 8
        path.write_bytes(changed)
        try:
            header, specs, found = read(path)
        except FileError:
            continue
        n_identical += 1
        assert (header, specs) == expected[:2]
        assert all(torch.equal(found[name], tensor) for name, tensor in expected[2].items())
    assert n_identical < 10  # whitespace in JSON, where another character has the same meaning


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, -1, -30])
def test_cut_short(path, n):
    os.truncate(path, n if n >= 0 else path.stat().st_size + n)
    with pytest.raises(FileError, match=r"truncated|damaged"):
        read(path)


def test_longer(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(FileError, match="damaged"):
        read(path)


def test_header_longer_than_any(tmp_path):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.write((2**21 + 1).to_bytes(8, "little"))
        file.truncate(2**22)
    with pytest.raises(FileError, match="its header has 2097153 bytes"):
        read(path)


def test_too_many_tensors(path, monkeypatch):
    monkeypatch.setattr(_format, "MAX_TENSORS", 4)
    with pytest.raises(FileError, match="5 tensors, more than 4"):
        read(path)


def test_other_safetensors_files(path):
    rewrite(path, dict.clear)
    with pytest.raises(FileError, match="not of an estimator of relcon_sklearn"):
        read(path)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("2", r"its format version is 2; .* reads version 1. Update relcon_sklearn to load it"),
        ("0", "which no relcon_sklearn writes"),
        ("", "which no relcon_sklearn writes"),
        ("1 ", "which no relcon_sklearn writes"),
        ("9" * 5000, "which no relcon_sklearn writes"),
    ],
)
def test_other_versions(path, version, message):
    rewrite(path, lambda metadata: metadata.update(version=version))
    with pytest.raises(FileError, match=message):
        read(path)


@pytest.mark.parametrize("key", ["version", "header", "checksum", "more"])
def test_other_metadata(path, key):
    rewrite(path, lambda m: m.update(more="x") if key == "more" else m.pop(key))
    with pytest.raises(FileError, match=r"checksum|version"):
        read(path)


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"a": NaN}', "[" * 10**5, '{"a":' * 10**4])
def test_signed_headers_that_are_none(path, text):
    rewrite(path, lambda metadata: (metadata.update(header=text), sign(metadata)))
    with pytest.raises(FileError, match="its header is"):
        read(path)


@pytest.mark.parametrize("name", ["a", "b"])
def test_other_tensors_under_the_same_header(path, name):
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    changed = load_file(path)
    changed[name] = changed[name] + 1
    path.write_bytes(save(changed, metadata))
    with pytest.raises(FileError, match="its tensors are damaged"):
        read(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="not a regular file"):
        read(tmp_path / "pipe")
