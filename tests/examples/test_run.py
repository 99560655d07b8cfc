"""The commands of run.py, without running them."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "run.py"


@pytest.fixture
def calls(monkeypatch):
    """Return a function that runs a command, and returns what would be installed and started."""
    spec = importlib.util.spec_from_file_location("run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def calls(*arguments):
        done = []

        def start(command, cwd, check):
            done.append(([str(part) for part in command[1:]], cwd))
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(module, "install", done.append)
        monkeypatch.setattr(module.subprocess, "run", start)
        module.main(list(arguments))
        return done

    return calls


def test_demo(calls):
    extras, (command, folder) = calls("demo")
    assert extras == ""
    assert command == [str(SCRIPT.parent / "examples" / "first_pretraining.py")]
    assert folder == SCRIPT.parent


def test_demo_with_options_runs_in_the_folder_of_the_user(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extras, (command, folder) = calls("demo", "--data", "mine")
    assert extras == "[devices,plotting]"
    assert command == [
        str(SCRIPT.parent / "examples" / "own_recordings.py"),
        "--data",
        "mine",
    ]
    assert folder == tmp_path


def test_arguments_are_passed_to_pytest(calls):
    extras, (command, folder) = calls("test", "-k", "embedder")
    assert extras == "[test]"
    assert command[-2:] == ["-k", "embedder"]
    assert folder == SCRIPT.parent


def test_the_package_is_built_with_the_tools_of_releases(calls):
    extras, (command, _) = calls("package")
    assert extras == "[release]"
    assert command == [str(SCRIPT.parent / ".ci" / "check_package.py")]


def test_an_unknown_command_shows_the_commands(calls):
    with pytest.raises(SystemExit, match=r"run.py demo"):
        calls("deploy")
