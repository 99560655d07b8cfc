"""Encoders are pretrained once, on the pool or on the data set of the task."""

import numpy as np
import pytest
import torch

from benchmarks.common.datasets import TASKS
from benchmarks.common.encoders import embed

pytest.importorskip("tslearn")
from benchmarks.downstream import objectives, pretrained
from benchmarks.downstream.objectives import Method

PREDICTION = Method(objectives.AugmentationPrediction())


@pytest.mark.parametrize("task", TASKS)
def test_tasks_are_found_in_both_folders(data, task):
    windows = data.task(task)
    assert windows.X.shape[1:] == (128, 3)
    assert (data.pool / TASKS[task].file).is_file() == (task in ("motionsense", "wisdm18"))
    assert windows.known.any()


@pytest.mark.parametrize("window", [2.56, 10.0])
def test_transfer_pretrains_on_the_pool_for_every_task(data, window):
    X, groups = data.to_pretrain_on("transfer", "hapt", window)
    assert X.shape[1:] == (round(50 * window), 3)
    assert {group.partition("/")[0] for group in groups} == {"one_wrist", "two_waist"}
    same, _ = data.to_pretrain_on("transfer", "wisdm18", window)
    np.testing.assert_array_equal(same, X)


def test_in_domain_pretrains_on_all_windows_of_the_task(data):
    X, groups = data.to_pretrain_on("in_domain", "sisfall", 2.56)
    windows = data.task("sisfall")
    assert set(groups) == set(windows.subject)
    # Without labels, falls are among them. 12 s have 4 windows, or 15 with an overlap of 0.75.
    assert not windows.known.all()
    assert len(windows) == 4 * 6
    assert len(X) == 15 * 6
    assert all((X == x).all(axis=(1, 2)).any() for x in windows.X)


@pytest.mark.usefixtures("ticks")
def test_an_encoder_is_trained_once(data, monkeypatch):
    trained, pretrain = [], pretrained.pretrain

    def counting(*args):
        trained.append(args)
        return pretrain(*args)

    monkeypatch.setattr(pretrained, "pretrain", counting)

    def get(setting="transfer", task="hapt", window=2.56, method=PREDICTION, seed=0, **changes):
        settings = objectives.SharedTerms(**{"seconds": 4.0, "n_segments": 32} | changes)
        return pretrained.pretrained(data, method, setting, task, window, settings, seed)

    first, record = get()
    second, same = get()
    assert len(trained) == 1
    assert record == same
    assert record["windows"] == len(trained[0][1])
    assert record["steps"] == 2
    assert not first.training
    assert not second.training
    assert all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())
    # In transfer, all tasks have the same encoder.
    get(task="sisfall")
    assert len(trained) == 1
    changes = [
        {"seed": 1},
        {"lr": 0.1},
        {"window": 5.0},
        {"method": Method(objectives.MaskedReconstruction())},
        {"method": Method(PREDICTION.objective, readout="mean")},
        {"setting": "in_domain"},
        {"setting": "in_domain", "task": "sisfall"},
    ]
    for change in changes:
        get(**change)
    assert len(trained) == 1 + len(changes)
    assert get(method=Method(PREDICTION.objective, readout="mean"))[0].n_features == 8
    assert len(trained) == 1 + len(changes)
    assert not list(data.cache.glob("*.tmp*"))


@pytest.mark.usefixtures("ticks")
def test_an_embedder_of_an_encoder(people):
    X = people[0]
    encoder, _ = objectives.pretrain(Method(None), *people, objectives.SharedTerms(), 0)
    embedder = pretrained.as_embedder(encoder, "resnet14-half", X)
    np.testing.assert_allclose(embedder.transform(X), embed(encoder, X), rtol=1e-4, atol=1e-5)
