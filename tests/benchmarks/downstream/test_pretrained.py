"""Encoders are pretrained once, and not on data of the held-out people."""

import numpy as np
import pytest
import torch

from benchmarks.common.datasets import SOURCES, TASKS, source_of
from benchmarks.common.encoders import embed

pytest.importorskip("tslearn")
from benchmarks.downstream import objectives, pretrained


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_pretrained_on_the_data_of_the_task(data, task):
    parts = pretrained.pretraining_windows(data, "transfer", task, None, 10)
    others = {name for name in SOURCES if name != source_of(task)}
    assert set(parts) == others
    assert len(others) == 5
    own = data.task(task).X
    for part in parts.values():
        assert len(part) == 10
        assert not (part.X[:, None] == own).all(axis=(2, 3)).any()


@pytest.mark.parametrize("task", ["hapt", "sisfall_falls", "ipol"])
def test_nothing_is_pretrained_on_who_is_held_out(data, task):
    held_out = np.array(["s1", "s4"])
    parts = pretrained.pretraining_windows(data, "in_domain", task, held_out, 1000)
    [(name, part)] = parts.items()
    assert name == source_of(task)
    everybody = data.task(name)
    assert set(part.subject) == set(everybody.subject) - set(held_out)
    assert len(part) == (~np.isin(everybody.subject, held_out)).sum()


@pytest.mark.usefixtures("ticks")
def test_an_encoder_is_trained_once(data, monkeypatch):
    trained, pretrain = [], pretrained.pretrain

    def counting(*args):
        trained.append(args)
        return pretrain(*args)

    monkeypatch.setattr(pretrained, "pretrain", counting)

    def get(setting="transfer", task="hapt", held_out=None, objective=None, seed=0, **changes):
        objective = objective or objectives.AugmentationPrediction()
        held_out = None if held_out is None else np.array(held_out)
        settings = objectives.SharedTerms(**{"seconds": 4.0, "n_segments": 32} | changes)
        return pretrained.pretrained(data, objective, setting, task, held_out, 20, settings, seed)

    first, record = get()
    second, same = get()
    assert len(trained) == 1
    assert record == same
    assert sum(record["windows"].values()) == len(trained[0][1]) == 100
    assert record["steps"] == 2
    assert not first.training
    assert not second.training
    assert all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())
    # Other arguments give other encoders, but both tasks of SisFall have the same one.
    changes = [
        {"task": "sisfall"},
        {"seed": 1},
        {"lr": 0.1},
        {"objective": objectives.MaskedReconstruction()},
        {"setting": "in_domain", "held_out": ["s1"]},
        {"setting": "in_domain", "held_out": ["s2"]},
    ]
    for change in changes:
        get(**change)
    assert len(trained) == 1 + len(changes)
    get(task="sisfall_falls")
    assert len(trained) == 1 + len(changes)
    assert not list(data.cache.glob("*.tmp*"))


@pytest.mark.usefixtures("ticks")
def test_an_embedder_of_an_encoder(people):
    X = people[0]
    encoder, _ = objectives.pretrain(None, *people, objectives.SharedTerms(), 0)
    embedder = pretrained.as_embedder(encoder, "resnet14-half", X)
    np.testing.assert_allclose(embedder.transform(X), embed(encoder, X), rtol=1e-4, atol=1e-5)
