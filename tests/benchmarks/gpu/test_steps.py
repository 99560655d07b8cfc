"""Rates of fits, their steps and their loaders."""

import json
import sys

import numpy as np
import pytest
import torch

from benchmarks.gpu import projection, steps
from benchmarks.gpu.timing import calls_per_second
from relcon_sklearn.datasets import make_motion
from tests.support.estimators import tiny_embedder


def test_calls_of_the_warm_up_do_not_count():
    calls = []
    rate = calls_per_second(lambda: calls.append(1), 0.0, torch.device("cpu"), n_warm_up=3)
    assert len(calls) == 4
    assert rate > 0


def test_the_rates_of_an_embedder():
    X, _, groups, *_ = make_motion(40, n_subjects=4, n_timesteps=32, random_state=0)
    embedder = tiny_embedder(
        distance=lambda a, c: np.zeros((len(a), len(c))), n_within=2, validation_fraction=0
    )
    found = steps.rates_of(embedder, X.astype(np.float32), groups, 0.0)
    assert found["anchors"] == 8
    assert 8 <= found["segments"] <= 24
    assert min(found[name] for name in ("fit", "step", "loader", "loader from the host")) > 0
    assert len(embedder.history_) == 1
    assert "| published |" in steps.report({"published": found})


def test_hours_of_a_billion_anchors():
    # A step of 1,000 anchors takes a second, and a million steps take 278 hours.
    assert projection.hours_of(1000, 1.0) == pytest.approx(1e6 / 3600)


def test_the_projection(tmp_path, monkeypatch, capsys):
    file, output = tmp_path / "steps.json", tmp_path / "out.json"
    rates = {"published": {"anchors": 64, "fit": 10.0}}
    environment = {"gpu": "a card", "cpu": "a CPU"}
    file.write_text(json.dumps({"environment": environment, "rates": rates}))
    arguments = ["projection", "--steps", str(file), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", arguments)
    projection.main()
    assert json.loads(output.read_text())["hours"]["published"]["hours"] == pytest.approx(
        434.03, 1e-4
    )
    told = capsys.readouterr().out
    assert "a card" in told
    assert "1e+09 / 64 anchors / 10.00 steps a second / 3600 = 434.0 h" in told


@pytest.mark.parametrize("content", [None, '{"environment": {}, "rates": {}}'])
def test_a_projection_needs_rates(content, tmp_path, monkeypatch, capsys):
    file = tmp_path / "steps.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(sys, "argv", ["projection", "--steps", str(file)])
    with pytest.raises(SystemExit):
        projection.main()
    assert str(file) in capsys.readouterr().err
