"""Checkpoint folders: atomic writes, the last few kept, those of other trainings refused."""

import errno
import json
import warnings

import pytest
import torch

import relcon_sklearn._training._checkpoints as checkpoints_module
from relcon_sklearn._training import CheckpointFolder, Checkpoints
from relcon_sklearn._training._checkpoints import (
    checkpoint_from_bytes,
    checkpoint_to_bytes,
    differences,
)
from relcon_sklearn.exceptions import DamagedFileError

FINGERPRINT = {"lr": 0.1, "data": {"shape": [4, 3], "checksum": "abc"}}


def folder(path, fingerprint=FINGERPRINT, seed=7, **settings):
    return CheckpointFolder(Checkpoints(path, **settings), fingerprint, seed)


def names(path):
    return sorted(p.name for p in path.iterdir() if p.name != ".lock")


def test_state_comes_back(tmp_path):
    state = {
        "tensor": torch.arange(3.0),
        "nested": [{1: (True, None, "text")}, 0.1, float("inf")],
        "big": 2**70,
    }
    folder(tmp_path).write(5, state)
    back = folder(tmp_path).read()
    assert torch.equal(back.pop("tensor"), state.pop("tensor"))
    assert back == state


def test_nothing_written_nothing_read(tmp_path):
    assert folder(tmp_path / "a" / "b").read() is None
    assert names(tmp_path / "a" / "b") == ["training.json"]


def test_the_last_are_kept(tmp_path):
    checkpoints = folder(tmp_path, keep=2)
    for step in (1, 9, 10, 100):
        checkpoints.write(step, {"step": step})
        assert checkpoints.newest.name == f"step-{step:012d}.ckpt"
    assert names(tmp_path) == [
        "step-000000000010.ckpt",
        "step-000000000100.ckpt",
        "training.json",
    ]
    assert folder(tmp_path).read() == {"step": 100}


def test_a_seed_stays_that_of_the_beginning(tmp_path):
    assert folder(tmp_path, seed=1).seed == 1
    assert folder(tmp_path, seed=2).seed == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.2}, "lr was 0.1 and is 0.2"),
        ({"data": {"shape": [5, 3]}}, r"data.shape was \[4, 3\] and is \[5, 3\]; data.checksum"),
        ({"more": 1}, "more was 'absent' and is 1"),
    ],
)
def test_another_training_is_refused(tmp_path, changed, message):
    folder(tmp_path).write(1, {})
    with pytest.raises(ValueError, match=message):
        folder(tmp_path, FINGERPRINT | changed)


def test_tuples_are_not_taken_for_a_change(tmp_path):
    folder(tmp_path, {"widths": (1, 2)})
    assert folder(tmp_path, {"widths": (1, 2)}).read() is None


def test_a_checkpoint_put_in_from_another_training_is_refused(tmp_path):
    folder(tmp_path / "a", {"lr": 1}).write(3, {})
    mine = folder(tmp_path / "b", {"lr": 2})
    (tmp_path / "a" / "step-000000000003.ckpt").rename(tmp_path / "b" / "step-000000000003.ckpt")
    with pytest.raises(ValueError, match=r"belongs to another training .*: lr was 1 and is 2"):
        mine.read()


def test_a_checkpoint_with_another_seed_is_refused(tmp_path):
    """With ``random_state=None`` the fingerprints of two trainings differ in the seed only."""
    for name, seed in (("a", 1), ("b", 2)):
        folder(tmp_path / name, seed=seed).write(3, {})
    checkpoint = "step-000000000003.ckpt"
    (tmp_path / "a" / checkpoint).replace(tmp_path / "b" / checkpoint)
    with pytest.raises(ValueError, match=r"another training than training\.json: seed was 1 and"):
        folder(tmp_path / "b").read()


def test_an_edited_seed_is_refused(tmp_path):
    folder(tmp_path, seed=1).write(3, {})
    record = tmp_path / "training.json"
    record.write_text(record.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(ValueError, match="seed was 1 and is 2"):
        folder(tmp_path).read()


@pytest.mark.parametrize("seed", [-1, 10**30, True, 1.0, "1", None])
def test_a_seed_that_cannot_be_one_is_damage(tmp_path, seed):
    folder(tmp_path)
    record = tmp_path / "training.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"seed": seed}))
    with pytest.raises(DamagedFileError, match=r"training\.json is damaged.*seed"):
        folder(tmp_path)


def test_the_lock_is_taken_before_the_record_is_looked_for(tmp_path, monkeypatch):
    """Two fits that started together could each record and use a seed."""
    write = checkpoints_module.write_atomically
    messages = []

    def start_another(path, content):
        with pytest.raises(RuntimeError, match="Another fit is training") as error:
            folder(tmp_path, seed=2)
        messages.append(str(error.value))
        write(path, content)

    monkeypatch.setattr(checkpoints_module, "write_atomically", start_another)
    assert folder(tmp_path, seed=1).seed == 1
    monkeypatch.undo()
    assert len(messages) == 1
    assert folder(tmp_path, seed=2).seed == 1


def test_checkpoints_without_a_record_are_refused(tmp_path):
    folder(tmp_path).write(3, {})
    (tmp_path / "training.json").unlink()
    with pytest.raises(ValueError, match=r"holds checkpoints, but not training\.json"):
        folder(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"format": "x"}', "\x00", "[" * 10**5, '{"a":' * 10**5]
)
def test_a_damaged_record_is_refused(tmp_path, text):
    (tmp_path / "training.json").write_text(text)
    with pytest.raises(
        DamagedFileError, match=r"training\.json is damaged, or was not written by relcon"
    ):
        folder(tmp_path)


def test_another_version_is_refused(tmp_path, monkeypatch):
    folder(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    (tmp_path / "training.json").write_text(json.dumps(record | {"version": 1}))
    with pytest.raises(ValueError, match=r"version 1; .* resumes from version 2 only"):
        folder(tmp_path)
    monkeypatch.setattr(checkpoints_module, "_VERSION", 9)
    content = checkpoint_to_bytes({})
    monkeypatch.undo()
    with pytest.raises(ValueError, match="version 9"):
        checkpoint_from_bytes(content, tmp_path)


def test_a_file_in_place_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file; expected a folder"):
        folder(tmp_path / "file")


def test_every_damage_is_noticed(tmp_path):
    content = checkpoint_to_bytes({"x": torch.arange(5.0), "y": [1, 2]})
    for cut in range(0, len(content), 37):
        with pytest.raises(DamagedFileError):
            checkpoint_from_bytes(content[:cut], tmp_path)
    first = content.index(b"\n") + 1
    for i in range(first, len(content), 101):
        flipped = bytearray(content)
        flipped[i] ^= 16
        with pytest.raises(DamagedFileError, match="checksum"):
            checkpoint_from_bytes(bytes(flipped), tmp_path)


def test_every_flipped_bit_of_the_first_line_is_damage(tmp_path):
    """A flipped bit of the version was an error about the version, which stopped the fit."""
    content = checkpoint_to_bytes({"step": 1})
    for i in range(8 * (content.index(b"\n") + 1)):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(DamagedFileError):
            checkpoint_from_bytes(bytes(flipped), tmp_path)
    checkpoints = folder(tmp_path)
    checkpoints.write(1, {"step": 1})
    checkpoints.write(2, {"step": 2})
    newest = checkpoints.newest.read_bytes()
    checkpoints.newest.write_bytes(newest.replace(b"checkpoint 2", b"checkpoint 3"))
    with pytest.warns(RuntimeWarning, match=r"step-000000000002.ckpt is damaged.* before it"):
        assert folder(tmp_path).read() == {"step": 1}


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path):
    checkpoints = folder(tmp_path)
    checkpoints.write(1, {"step": 1})
    checkpoints.write(2, {"step": 2})
    checkpoints.newest.write_bytes(checkpoints.newest.read_bytes()[:-9])
    with pytest.warns(RuntimeWarning, match=r"step-000000000002.ckpt is damaged.* before it"):
        assert folder(tmp_path).read() == {"step": 1}
    for path in tmp_path.glob("*.ckpt"):
        path.write_bytes(b"")
    with (
        pytest.warns(RuntimeWarning, match="does not start like a checkpoint"),
        pytest.raises(DamagedFileError, match=r"None of the 2 checkpoints in .* can be read"),
    ):
        folder(tmp_path).read()


def test_a_record_nested_nearly_too_deep_is_another_training(tmp_path):
    """JSON can be nested more deeply than a repr of it can be."""
    folder(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    for depth in range(700, 1000, 10):
        nested = json.dumps(record).replace("0.1", "[" * depth + "]" * depth)
        (tmp_path / "training.json").write_text(nested)
        with pytest.raises(ValueError, match=r"lr was \[\[.*is 0.1|is damaged"):
            folder(tmp_path)


@pytest.mark.parametrize("content", [[1], {"step": 1}, {"training": {}, "state": {}, "more": 1}])
def test_a_checkpoint_of_another_program_is_damage(tmp_path, content):
    folder(tmp_path).write(1, {})
    path = folder(tmp_path).newest
    path.write_bytes(checkpoint_to_bytes(content))
    with (
        pytest.warns(RuntimeWarning, match="Resuming from the checkpoint before it"),
        pytest.raises(DamagedFileError, match=r"None of the 1 checkpoints"),
    ):
        folder(tmp_path).read()


def test_bytes_that_torch_cannot_read_are_damage(tmp_path):
    """Also if their checksum is right: torch raises many kinds of errors."""
    line, _, content = checkpoint_to_bytes({}).partition(b"\n")
    beginning = line.rpartition(b" ")[0]
    for payload in (b"", b"x" * 99, content[:200]):
        checksum = checkpoints_module._checksum(beginning, payload)
        with pytest.raises(DamagedFileError, match="more than tensors and plain values"):
            checkpoint_from_bytes(b"%s %s\n%s" % (beginning, checksum, payload), tmp_path)


FAILURES = [
    MemoryError("full"),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    OSError(errno.EIO, "Input/output error"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failure_of_the_machine_does_not_resume_from_an_older_checkpoint(
    tmp_path, monkeypatch, failure
):
    for step in (1, 2):
        folder(tmp_path).write(step, {"step": step})

    def load(*args, **kwargs):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", load)
        with pytest.raises(type(failure)) as e:
            folder(tmp_path).read()
    assert e.value is failure
    assert folder(tmp_path).read() == {"step": 2}


class Evil:
    def __reduce__(self):
        return warnings.warn, ("this was executed",)


def test_nothing_is_executed(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DamagedFileError, match="more than tensors and plain values"):
            checkpoint_from_bytes(checkpoint_to_bytes({"evil": Evil()}), tmp_path)


def test_what_could_not_be_read_is_not_written(tmp_path):
    checkpoints = folder(tmp_path)
    with pytest.raises(TypeError, match="holds more than tensors, numbers"):
        checkpoints.write(1, {"object": Evil()})
    assert names(tmp_path) == ["training.json"]


def test_a_full_disk_is_an_error_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    checkpoints = folder(tmp_path)
    checkpoints.write(1, {"step": 1})
    before = names(tmp_path)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints_module, "write_atomically", full)
    with pytest.raises(OSError, match=r"No space left .* resumes from step-0{11}1.ckpt") as e:
        checkpoints.write(2, {"step": 2})
    assert e.value.errno == errno.ENOSPC
    assert names(tmp_path) == before
    assert folder(tmp_path).read() == {"step": 1}


def test_one_training_at_a_time(tmp_path):
    first, second = folder(tmp_path), folder(tmp_path)
    with first.locked():
        with pytest.raises(RuntimeError, match="Another fit is training into checkpoint_dir="):
            second.locked().__enter__()
    with second.locked():
        pass


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    checkpoints = folder(tmp_path)
    checkpoints.write(1, {})
    left = tmp_path / ".step-000000000002.ckpt-0123456789abcdef.tmp"
    left.write_bytes(b"half")
    with checkpoints.locked():
        assert not left.exists()
    assert checkpoints.newest.name == "step-000000000001.ckpt"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": 3}, "path=3: expected a str or a path-like object"),
        ({"every_seconds": -1}, "every_seconds=-1: expected a number of at least 0, or None"),
        ({"every_seconds": float("nan")}, "every_seconds=nan"),
        ({"every_seconds": "10"}, "every_seconds='10'"),
        ({"every_steps": 0}, "every_steps=0: expected an integer of at least 1, or None"),
        ({"every_steps": 1.5}, r"every_steps=1\.5"),
        ({"keep": 0}, r"keep=0: expected an integer of at least 1\."),
        ({"keep": None}, "keep=None"),
        ({"keep": True}, "keep=True"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Checkpoints(**({"path": "x"} | settings))


def test_a_folder_inside(tmp_path):
    inside = Checkpoints(tmp_path, every_steps=3).inside("distance")
    assert inside == Checkpoints(tmp_path / "distance", every_steps=3)


def test_differences_of_equal_things():
    assert differences(FINGERPRINT, json.loads(json.dumps(FINGERPRINT))) == []
