"""The script that fuzzes files: all files are counted, even if a process dies."""

import numpy as np

from benchmarks.reliability import fuzz_files, judging, mutations


def test_files_in_a_process_of_their_own(tmp_path, monkeypatch):
    estimator = judging.fitted()["LearnedMotifDistance"]
    name = type(estimator).__name__
    estimator.save(tmp_path / name)
    records = fuzz_files.fuzz(tmp_path, name, 5, seed=0)
    assert [record["i"] for record in records] == [0, 1, 2, 3, 4]
    content = (tmp_path / name).read_bytes()
    for record in records:
        assert record["outcome"] in ("refused", "identical", "as signed")
        assert 0 < record["seconds"] < 10
        rng = judging.generator(0, name, record["i"])
        assert mutations.mutate(content, rng)[0] == record["kind"]
    lines = fuzz_files.report(records, "class", [name]).splitlines()
    assert len(lines) == 4
    assert lines[-1].split("|")[2].strip() == "5"


def test_a_process_that_dies_is_a_failure(tmp_path):
    judging.fitted()["RelConRegressor"].save(tmp_path / "LearnedMotifDistance")
    (record,) = fuzz_files.fuzz(tmp_path, "LearnedMotifDistance", 1, seed=0)
    assert record["outcome"] == "failed"
    assert record["why"] == "the process ended with status 1"


def test_mutations_are_the_same_every_time_and_change_something(tmp_path):
    estimator = judging.fitted()["RelConRegressor"]
    estimator.save(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    found, again = (
        [mutations.mutate(content, np.random.default_rng(i)) for i in range(200)] for _ in range(2)
    )
    # safetensors writes metadata in any order.
    assert [(n, len(c)) for n, c in found] == [(n, len(c)) for n, c in again]
    assert len({name for name, _ in found}) > 25
    assert sum(changed != content for _, changed in found) > 190
