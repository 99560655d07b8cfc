"""MiniRocket runs in its separate environment, and its errors are reported."""

import sys

import numpy as np
import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream import classic
from benchmarks.downstream import minirocket as rocket

RATE = 50
STANDS_IN = """
import sys
import numpy as np
isolated, script, source, target = sys.argv[1:]
assert isolated == "-I" and script.endswith("minirocket_transform.py")
with np.load(source) as arrays:
    X_train, X_test, seed = arrays["X_train"], arrays["X_test"], int(arrays["seed"])
features = [np.hstack([X.std(axis=1), X.mean(axis=1)]) for X in (X_train, X_test)]
shape = "x".join(map(str, X_test.shape))
np.savez(target, Z_train=features[0], Z_test=features[1], versions=[f"seed={seed}", shape])
"""


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(4, 100, 3)).astype(np.float32) + 0.5


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return a function that replaces the Python of the environment by a script."""
    monkeypatch.setenv("RELCON_MINIROCKET_ENV", str(tmp_path))

    def stand_in(source):
        script, python = tmp_path / "stands_in.py", tmp_path / rocket._PYTHON
        script.write_text(source)
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        python.chmod(0o755)

    return stand_in


needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@needs_shell
def test_segments_go_to_the_other_python_and_features_come_back(environment, split_motion):
    environment(STANDS_IN)
    (X, y, targets, groups), (X_test, y_test, *_) = split_motion
    fitted = classic.minirocket(X, y, groups, X_test, rate=RATE, seed=5)
    assert fitted.chosen["versions"] == ["seed=5", "80x128x3"]
    assert fitted.predictions.dtype == y.dtype
    assert (fitted.predictions == y_test).mean() > 0.3
    fitted = classic.minirocket(X, targets, groups, X_test, rate=RATE, seed=5)
    assert fitted.predictions.shape == (80, 2)
    assert fitted.predictions.dtype == targets.dtype


@needs_shell
def test_segments_shorter_than_a_kernel_are_continued(environment, noise):
    environment(STANDS_IN)
    Z_train, _, (_, shape) = rocket.minirocket_features(noise[:, :8], noise[:2, :8], seed=0)
    assert shape == "2x9x3"
    continued = np.concatenate([noise[:, :8], noise[:, 7:8]], axis=1)
    np.testing.assert_allclose(Z_train[:, :3], continued.std(axis=1), rtol=1e-5)


@needs_shell
def test_errors_in_the_environment_are_reported(environment, noise):
    environment("raise SystemExit('no aeon here')")
    with pytest.raises(RuntimeError, match="no aeon here"):
        rocket.minirocket_features(noise, noise, seed=0)


def test_missing_environment(environment):
    assert rocket.minirocket_python(make=False) is None


def test_no_incomplete_environment_is_left(environment, tmp_path, monkeypatch):
    folder = tmp_path / "env"
    monkeypatch.setenv("RELCON_MINIROCKET_ENV", str(folder))
    commands = []

    def run(command):
        commands.append(command)
        if "venv" in command:
            (command[-1] / "bin").mkdir(parents=True)
        else:
            raise RuntimeError("no network")

    monkeypatch.setattr(rocket, "_run", run)
    with pytest.raises(RuntimeError, match="no network"):
        rocket.minirocket_python()
    assert set(rocket.PINS) <= set(commands[1])
    assert not any(tmp_path.iterdir())


def test_minirocket_itself(split_motion):
    if rocket.minirocket_python(make=False) is None:
        pytest.skip("MiniRocket's environment is not there; a benchmark that needs it makes it")
    (X, y, _, groups), (X_test, y_test, *_) = split_motion
    fitted = classic.minirocket(X, y, groups, X_test, rate=RATE, seed=0)
    assert (fitted.predictions == y_test).mean() > 0.5
    assert 0.001 <= fitted.chosen["alpha"] <= 1000
    assert fitted.chosen["versions"][0].startswith("aeon==")
    Z_train, Z_test, _ = rocket.minirocket_features(X[:5, :12, :1], X_test[:3, :12, :1], seed=0)
    assert Z_train.shape == (5, 9996)
    assert Z_test.shape == (3, 9996)
