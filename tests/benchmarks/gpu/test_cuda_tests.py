"""The part of the GPU run that runs tests: each outcome is written at once."""

import json
from types import SimpleNamespace

from benchmarks.common.processes import ROOT
from benchmarks.gpu.cuda_tests import Recorder, marked_files


def report(outcome, when="call", reason=""):
    return SimpleNamespace(
        nodeid=f"{when}-{outcome}",
        outcome=outcome,
        when=when,
        failed=outcome == "failed",
        skipped=outcome == "skipped",
        longreprtext=reason,
    )


def test_each_outcome_is_written_at_once(tmp_path):
    recorder = Recorder(tmp_path / "tests.json", {"environment": "here"})
    recorder.pytest_runtest_logreport(report("passed", "setup"))
    assert not (tmp_path / "tests.json").exists()  # only the setup
    recorder.pytest_runtest_logreport(report("passed"))
    recorder.pytest_runtest_logreport(report("passed", "teardown"))
    recorder.pytest_runtest_logreport(report("failed", "setup", "no memory"))
    recorder.pytest_runtest_logreport(report("skipped", "setup", "needs a GPU"))
    recorder.pytest_collectreport(report("failed", "collect", "cannot import"))
    written = json.loads((tmp_path / "tests.json").read_text())
    assert written["environment"] == "here"
    assert written["outcomes"] == {
        "call-passed": "passed",
        "setup-failed": "failed",
        "setup-skipped": "skipped",
        "collect-failed": "failed",
    }
    assert written["reasons"]["setup-failed"] == "no memory"
    assert "call-passed" not in written["reasons"]


def test_the_files_with_marked_tests():
    names = {path.rpartition("/")[2] for path in marked_files(ROOT / "tests")}
    assert {"test_triton_kernels.py", "test_on_device.py", "test_engine.py"} <= names
    assert "test_order.py" not in names
