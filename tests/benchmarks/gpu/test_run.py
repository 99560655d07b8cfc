"""The run of all parts for a GPU: limits, failures, and what is there after a cut."""

import json
import os
import subprocess
import sys
import zipfile
from argparse import Namespace

import pytest

from benchmarks.common.processes import ROOT
from benchmarks.gpu import run


def python(code):
    return [sys.executable, "-c", code]


def test_a_part_that_ends(tmp_path):
    state = run.run_part(python("print('a line')"), 60, tmp_path / "log")
    assert state.pop("seconds") < 60
    assert state == {"state": "done"}
    assert (tmp_path / "log").read_text() == "a line\n"


def test_a_part_that_fails_has_the_reason(tmp_path):
    state = run.run_part(python("raise ValueError('no GPU')"), 60, tmp_path / "log")
    assert state["state"] == "failed"
    assert state["reason"] == "ValueError: no GPU"


def test_a_part_that_fails_without_a_message(tmp_path):
    state = run.run_part(python("raise SystemExit(3)"), 60, tmp_path / "log")
    assert state["reason"] == "without a message"


@pytest.mark.parametrize("listens", [True, False])
def test_a_part_that_does_not_end_is_ended(listens, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "GRACE", 0.2)
    ignore = "" if listens else "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    code = f"import signal, time; {ignore} print('begun', flush=True); time.sleep(600)"
    state = run.run_part(python(code), 0.3, tmp_path / "log")
    assert state["state"] == "failed"
    assert state["reason"] == "not done after 0 s"
    assert state["seconds"] < 60


def states_of(monkeypatch, tmp_path, states, ticks):
    """Run the parts, whose states are given, at given times; return what is written each time."""
    written, calls, clock = [], [], iter(ticks)

    def run_part(command, limit, log):
        assert not (tmp_path / f"{log.stem}.json").exists()
        if (file := tmp_path / "gpu.json").exists():
            written.append(json.loads(file.read_text())["parts"])
        calls.append((command, limit))
        log.write_text("a table\n")
        return states[log.stem]

    monkeypatch.setattr(run, "run_part", run_part)
    (tmp_path / "steps.json").write_text("of an earlier run")
    args = run.parse_args(["--output", str(tmp_path), "--pool", str(tmp_path / "pool")])
    run.run_parts(args, {"parts": {}}, clock=lambda: next(clock))
    written.append(json.loads((tmp_path / "gpu.json").read_text())["parts"])
    return written, calls


def test_the_state_is_written_after_each_part(monkeypatch, tmp_path, capsys):
    states = {name: {"state": "done", "seconds": 1.0} for name in run.PARTS}
    states["kernel"] = {"state": "failed", "seconds": 1.0, "reason": "no Triton"}
    written, calls = states_of(monkeypatch, tmp_path, states, [0, 0, 100, 110, 120, 130])
    assert [len(parts) for parts in written] == [1, 2, 3, 4, 5]
    assert written[1]["kernel"]["reason"] == "no Triton"
    assert written[-1]["pretraining"]["state"] == "done"
    told = capsys.readouterr().out
    assert told.count("a table") == 5
    assert "no Triton" in told
    # The last part has all the time that is left, and ends before its limit.
    command, limit = calls[-1]
    assert limit == 480 - 130 - run.GRACE
    assert command[command.index("--seconds") + 1] == str(limit - run.GRACE)
    assert command[command.index("--pool") + 1] == str(tmp_path / "pool")


def test_a_part_for_which_no_time_is_left(monkeypatch, tmp_path):
    states = {name: {"state": "done", "seconds": 1.0} for name in run.PARTS}
    written, calls = states_of(monkeypatch, tmp_path, states, [0, 0, 440, 460, 466, 468])
    assert [limit for _, limit in calls] == [150, 30, 10]
    last = written[-1]
    assert [last[name]["state"] for name in run.PARTS] == [*["done"] * 3, *["left out"] * 2]


def test_options():
    args = Namespace(output=ROOT, pool=ROOT / "pool", cache=None, device="cpu", smoke=True)
    assert run.options_of("tests", args, 9) == ["--smoke"]
    assert run.options_of("steps", args, 9) == ["--device", "cpu", "--smoke"]
    assert run.options_of("projection", args, 9) == ["--steps", ROOT / "steps.json"]
    assert "--seconds" not in run.options_of("pretraining", args, 9)


def test_pretraining_needs_a_pool(capsys):
    assert "pretraining" not in run.parse_args(["--output", "out"]).parts
    with pytest.raises(SystemExit):
        run.parse_args(["--output", "out", "--parts", "pretraining"])
    assert "--pool" in capsys.readouterr().err


def test_missing_packages(monkeypatch):
    assert run.missing_packages() == []
    monkeypatch.setattr(run, "NEEDED", ("numpy", "no_such_package"))
    assert run.missing_packages() == ["no_such_package"]


@pytest.mark.parametrize("failed", [False, True])
def test_the_exit_status(failed, monkeypatch, tmp_path):
    def run_parts(args, results):
        results["parts"] = {"tests": {"state": "failed" if failed else "done"}}

    monkeypatch.setattr(run, "run_parts", run_parts)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["run", "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        run.main()
    assert bool(end.value.code) == failed


@pytest.fixture
def told_python(tmp_path):
    """Return a Python that unpacks wheels, and tells its arguments and its path otherwise."""
    path = tmp_path / "python"
    path.write_text(
        f"""#!/bin/sh
if [ "$2" = zipfile ]; then exec {sys.executable} "$@"; fi
echo "$@"
echo "$PYTHONPATH"
"""
    )
    path.chmod(0o755)
    return path


def shell(python, *arguments):
    script = ROOT / "benchmarks" / "gpu.sh"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        ["bash", str(script), *map(str, arguments)],
        env=env | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
    )


def test_the_shell_script_unpacks_wheels(told_python, tmp_path):
    wheels, out = tmp_path / "my wheels", tmp_path / "out"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "small-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small/__init__.py", "")
    done = shell(told_python, out, "--wheels", wheels, "--pool", "a pool")
    assert done.returncode == 0, done.stderr
    assert (out / "packages" / "small" / "__init__.py").is_file()
    command, path = done.stdout.splitlines()
    assert command == f"-m benchmarks.gpu.run --output {out} --pool a pool"
    assert path == f"{ROOT}:{out}/packages"


def test_the_shell_script_without_options(told_python, tmp_path):
    done = shell(told_python, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"-m benchmarks.gpu.run --output {tmp_path / 'out'}"
    assert shell(told_python).returncode != 0


def test_the_shell_script_without_wheels(told_python, tmp_path):
    done = shell(told_python, tmp_path / "out", "--wheels", tmp_path)
    assert done.returncode == 2
    assert "has no wheels" in done.stderr
