"""The command that tries failures of every kind: it finds what it should find, again each time."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reliability import bench_reliability as bench
from benchmarks.reliability import damaged_files, judging, model_mutations, shared_writers
from benchmarks.reliability.byte_mutations import BYTES, mutate_bytes
from benchmarks.reliability.tries import (
    EXHAUSTED,
    OUTCOMES,
    SURVIVED,
    WRONG_DATA,
    WRONG_ERROR,
    Kind,
    WrongData,
    generator,
    is_damage_or,
    outcome_of,
)
from relcon_sklearn import SegmentWriter
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.segments import _store_writer

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_mutations_are_the_same_every_time_and_change_something(tmp_path):
    estimator = judging.fitted()["RelConRegressor"]
    estimator.save(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    found, again = (
        [model_mutations.mutate(content, np.random.default_rng(i)) for i in range(200)]
        for _ in range(2)
    )
    # safetensors writes metadata in any order.
    assert [(n, len(c)) for n, c in found] == [(n, len(c)) for n, c in again]
    assert len({name for name, _ in found}) > 25
    assert sum(changed != content for _, changed in found) > 190


@pytest.mark.parametrize("name", BYTES)
def test_mutations_of_short_files(name):
    for i in range(20):
        changed = BYTES[name](b"ab", np.random.default_rng(i))
        assert isinstance(changed, bytes)
    assert mutate_bytes(b"ab" * 99, np.random.default_rng(1)) != b"ab" * 99


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, SURVIVED),
        (DamagedFileError("damaged"), SURVIVED),
        (ValueError("the units are wrong"), SURVIVED),
        (ValueError("math domain error"), WRONG_ERROR),
        (OSError("no space"), WRONG_ERROR),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "the units"), WRONG_ERROR),
        (KeyError("seed"), WRONG_ERROR),
        (MemoryError(), EXHAUSTED),
        (WrongData("other segments"), WRONG_DATA),
    ],
)
def test_outcomes(error, outcome):
    def attempt(rng):
        if error is not None:
            raise error

    kind = Kind(lambda folder: attempt, is_damage_or("units"))
    assert outcome_of(kind, attempt, np.random.default_rng(0))[0] == outcome


@pytest.mark.parametrize("name", ["npz recordings", "archives", "store headers"])
def test_an_input_follows_from_kind_seed_and_number(name, tmp_path):
    kind = damaged_files.KINDS[name]
    attempt = kind.prepare(tmp_path)
    contents = {}
    for number in (0, 1, 2, 0, 1, 2):
        outcome, error = outcome_of(kind, attempt, generator(name, 3, number))
        assert outcome == SURVIVED, error
        files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
        content = [path.read_bytes() for path in files]
        assert contents.setdefault(number, content) == content
    assert contents[0] != contents[1] != contents[2]


@needs_fork
@pytest.mark.parametrize("name", shared_writers.KINDS)
def test_writers_survive(name, tmp_path, monkeypatch):
    # Preparing changes it. It is restored after the test.
    monkeypatch.setattr(_store_writer, "_BLOCK_BYTES", 2**12)
    kind = shared_writers.KINDS[name]
    outcome, error = outcome_of(kind, kind.prepare(tmp_path), generator(name, 0, 0))
    assert outcome == SURVIVED, error


@pytest.mark.parametrize(
    ("values", "subject", "written", "message"),
    [
        ([1, 1], "s1", {}, "append 1 is there"),
        ([1, 1], "s1", {1: 3}, "append 1 has 2 of 3 segments"),
        ([1, 1], "s1", {1: 2, 4: 1}, r"appends \[4\] are missing"),
        ([1, 2], "s1", {1: 2}, "another's name"),
        ([1, 1], "s2", {1: 2}, "another's name"),
    ],
)
def test_a_wrong_store_is_found(values, subject, written, message, tmp_path):
    with SegmentWriter(tmp_path, n_timesteps=4, n_channels=2, sampling_rate=50) as writer:
        writer.append(np.ones((2, 4, 2)) * np.array(values)[:, None, None], subject)
    with pytest.raises(WrongData, match=message):
        shared_writers._check(tmp_path, written)


def arguments(**changes):
    settings = {"first": 5, "tries": 2, "seed": 0} | changes
    return argparse.Namespace(**settings)


@pytest.mark.slow
@needs_fork
def test_tries_in_a_process_of_their_own():
    records = bench.try_kind("archives", arguments(), 0)
    assert [record["number"] for record in records] == [5, 6]
    assert {record["outcome"] for record in records} == {SURVIVED}
    *_, row = bench.report(records).splitlines()
    assert [cell.strip() for cell in row.split("|")[1:4]] == ["all", "2", "2"]


class ChildThat:
    """A child whose try does not end, or that ends itself."""

    def __init__(self, found):
        self.found = [bench.READY, found]

    def __call__(self, *args):
        self.left = list(self.found)
        return self

    def next(self, seconds):
        return self.left.pop(0)

    def end(self):
        pass


@pytest.mark.parametrize("outcome", [EXHAUSTED, WRONG_ERROR])
def test_a_process_that_ends_is_one_try_and_the_next_is_made_in_another(outcome, monkeypatch):
    monkeypatch.setattr(bench, "Child", ChildThat({"outcome": outcome, "error": "x"}))
    records = bench.try_kind("archives", arguments(), 0)
    assert [(r["number"], r["outcome"]) for r in records] == [(5, outcome), (6, outcome)]
    assert bench.report(records).splitlines()[-1].count("2") == 2


@needs_fork
@pytest.mark.parametrize(
    ("code", "outcome"),
    [("import time; time.sleep(60)", EXHAUSTED), ("import os; os.abort()", WRONG_ERROR)],
)
def test_a_process_that_hangs_or_dies(code, outcome, monkeypatch, tmp_path):
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    child = bench.Child("archives", Path(tmp_path), 0, 0)
    assert child.next(30 if outcome == WRONG_ERROR else 0.01)["outcome"] == outcome
    child.end()


def test_outcomes_have_columns():
    records = [{"kind": "archives", "outcome": outcome, "error": ""} for outcome in OUTCOMES]
    header, _, row, _ = bench.report(records).splitlines()
    assert all(outcome in header for outcome in OUTCOMES)
    assert row.count(" 1 ") == len(OUTCOMES)
