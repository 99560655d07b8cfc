"""Objectives of pretraining have the same terms, and train by the right losses."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._batches import Batch
from relcon_sklearn.nn import ResNet1D

pytest.importorskip("tslearn")
from benchmarks.downstream import objectives

ALL = {
    **objectives.OBJECTIVES,
    # Except DTW, which compiles for seconds.
    **{k: o for k, o in objectives.ABLATIONS.items() if getattr(o, "distance", "") != "dtw"},
    "own batches": replace(objectives.RELCON, shared=False),
    "projection head": replace(objectives.RELCON, projection=True),
}


def terms(**changes):
    return objectives.SharedTerms(**({"seconds": 12.0, "n_segments": 32} | changes))


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("name", ALL)
def test_objectives_train(people, name):
    start, _ = objectives.pretrain(None, *people, terms(), 0)
    encoder, record = objectives.pretrain(ALL[name], *people, terms(), 0)
    assert not any(module.training for module in encoder.modules())
    assert all(value.isfinite().all() for value in encoder.state_dict().values())
    for parameter, before in zip(encoder.parameters(), start.parameters(), strict=True):
        assert parameter.requires_grad
        assert not torch.equal(parameter, before)
    assert np.isfinite(record["train_loss"])
    assert record["steps"] >= 2
    assert isinstance(encoder, ResNet1D)
    learned = isinstance(ALL[name], objectives.RelCon) and ALL[name].distance == "learned"
    assert ("distance" in record) == learned
    # All objectives have the same time.
    spent = record["seconds"] + record.get("distance", {"seconds": 0})["seconds"]
    assert 10 <= spent <= 13
    again, same = objectives.pretrain(ALL[name], *people, terms(), 0)
    assert same["train_loss"] == record["train_loss"]
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in encoder.state_dict().items())


@pytest.mark.usefixtures("ticks")
def test_objectives_start_from_the_same_weights(people):
    start, record = objectives.pretrain(None, *people, terms(), 3)
    assert record == {}
    for objective in ALL.values():
        encoder, _ = objectives.pretrain(objective, *people, terms(lr=1e-12), 3)
        for ours, theirs in zip(encoder.parameters(), start.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    other, _ = objectives.pretrain(None, *people, terms(), 4)
    assert not torch.equal(other.stem_conv.weight, start.stem_conv.weight)


@pytest.mark.usefixtures("ticks")
def test_a_distance_that_took_all_of_the_time_leaves_a_step(people):
    _, record = objectives.pretrain(objectives.RELCON, *people, terms(seconds=2.0), 0)
    assert record["steps"] == 1


@pytest.mark.usefixtures("ticks")
def test_batch_norms_of_an_untrained_encoder_know_the_data(people):
    encoder, _ = objectives.pretrain(None, *people, terms(), 0)
    assert not encoder.training
    assert {m.momentum for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}
    x = torch.from_numpy(people[0]).transpose(1, 2)
    maps = encoder.stem_conv(x.unsqueeze(2)).detach()
    torch.testing.assert_close(encoder.stem_bn.running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(encoder.stem_bn.running_var, maps.var(dim=(0, 2, 3)))


@pytest.fixture
def captured(monkeypatch):
    """The arguments of each call of `train`: module, loss and batches."""
    calls = []

    def train(module, loss, batches, lr, seconds):
        calls.append((module, loss, batches))
        return {"seconds": 0.0}

    monkeypatch.setattr(objectives, "train", train)
    return calls


def batch_of(segments, seed=0):
    n = torch.arange(len(segments))
    return Batch(segments, n, n[:, None], seed)


def test_an_uninformative_head_costs_ln_2(people, captured):
    settings = terms(dtype=torch.float32)
    objectives.pretrain(objectives.AugmentationPrediction(), *people, settings, 0)
    [(module, loss, batches)] = captured
    for parameter in module[1].parameters():
        parameter.data.zero_()
    batch = next(iter(batches))
    assert len(batch.segments) == settings.n_segments
    assert loss(module, batch).item() == pytest.approx(np.log(2))


def test_augmentations_are_distinguished_by_their_effect(captured, people):
    def add(value):
        return lambda segments, generator: segments + value

    prediction = objectives.AugmentationPrediction((add(1), add(2), add(4)))
    objectives.pretrain(prediction, *people, terms(dtype=torch.float32), 0)
    [(_, loss, _)] = captured
    batch = batch_of(torch.zeros(400, 8, 1))
    shares = []

    def oracle(x):
        code = x[:, 0, 0].int()
        truth = torch.stack([code // 2**i % 2 for i in range(3)], dim=1).float()
        shares.append(truth.mean(dim=0))
        return 40 * truth - 20

    assert loss(oracle, batch).item() < 1e-6
    torch.testing.assert_close(shares[0], torch.full((3,), 0.5), atol=0.1, rtol=0)
    assert torch.equal(batch.segments, torch.zeros(400, 8, 1))


def masked(fraction, people, captured):
    """Return the loss of masked reconstruction."""
    objective = objectives.MaskedReconstruction(fraction=fraction)
    objectives.pretrain(objective, *people, terms(dtype=torch.float32), 0)
    return captured.pop()[1]


def standardised(segments):
    x = segments.transpose(1, 2)
    return (x - x.mean(2, keepdim=True)) / (x.std(2, keepdim=True) + 0.01)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_masked_reconstruction_counts_masked_steps_only(people, captured, fraction):
    loss = masked(fraction, people, captured)
    segments, seen = torch.from_numpy(people[0][:16]), []

    def feature_map(x):
        seen.append(x)
        return torch.zeros(len(x), 8, 14)

    encoder = SimpleNamespace(feature_map=feature_map)
    module = {"encoder": encoder, "head": lambda features: torch.zeros(len(features), 12, 14)}
    value = loss(module, batch_of(segments))
    mask = (seen[0] == 0).all(dim=1)  # of (n, n_timesteps)
    torch.testing.assert_close(seen[0], segments.transpose(1, 2) * ~mask[:, None])
    # Patches of eight time steps are masked completely or not at all.
    assert (mask.view(16, 8, 8).float().mean(dim=2) % 1 == 0).all()
    assert mask.float().mean().item() == pytest.approx(fraction, abs=0.15)
    errors = standardised(segments).square().mean(dim=1)[mask]
    assert value.item() == pytest.approx(errors.mean().item() if len(errors) else 0, rel=1e-5)


def test_masked_reconstruction_is_in_the_order_of_time(people, captured):
    loss = masked(1.0, people, captured)
    ramps = torch.tensor([1.0, -1, 3])[:, None] * torch.linspace(-1, 1, 64)
    segments = ramps.T[None].repeat(4, 1, 1)
    steps = nn.functional.interpolate(standardised(segments), 56, mode="linear")
    # A step of the features has four values of each channel.
    head = steps.view(4, 3, 14, 4).transpose(2, 3).reshape(4, 12, 14)
    encoder = SimpleNamespace(feature_map=lambda x: x)
    assert loss({"encoder": encoder, "head": lambda x: head}, batch_of(segments)).item() < 0.01
    wrong = head.flip(2)
    assert loss({"encoder": encoder, "head": lambda x: wrong}, batch_of(segments)).item() > 1


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("name", ["relcon", "relcon_published", "own batches"])
def test_relcon_minimises_what_the_estimator_does(people, captured, monkeypatch, name):
    X, groups = people
    objective, nets, trained = ALL[name], [], []
    ranker = objectives.MotifRanker
    monkeypatch.setattr(
        objectives, "MotifRanker", lambda net, *args: nets.append(net) or ranker(net, *args)
    )
    monkeypatch.setattr(
        "relcon_sklearn._embedder.fit_module",
        lambda module, loss, train, valid, options: trained.append((loss, train)),
    )
    distance = LearnedMotifDistance(embed_dim=objective.embed_dim, max_epochs=0).fit(X)
    embedder = RelConEmbedder(
        FrozenEstimator(distance),
        encoder="resnet14-half",
        n_within=objective.n_within,
        n_between=objective.n_between,
        n_positives=objective.n_positives,
        augmentation=objective.augmentation,
        candidates="shared" if objective.shared else "independent",
        query_stride=objective.query_stride,
        temperature=objective.temperature,
        batch_size=32 // (1 + objective.n_within),
        validation_fraction=0,
        precision="float32",
        random_state=0,
    )
    embedder.fit(X, groups=groups)
    run = embedder._open_checkpoints(None, None)  # without checkpoints, the data are not used
    encoder, _ = objectives.pretrain(objective, X, groups, terms(dtype=torch.float32), run.seed)
    embedder.distance_.net_ = nets[0]
    loss = embedder._training_loss()
    _, train = trained[-1]
    _, ours, batches = captured[-1]
    first, theirs = next(iter(batches)), next(iter(train))
    assert type(batches) is type(train)
    assert first.seed == theirs.seed
    assert all(torch.equal(a, b) for a, b in zip(first[:3], theirs[:3], strict=True))
    assert ours(encoder.train(), first).item() == loss(encoder, theirs).item()


def test_recordings_of_a_person_are_one_group():
    seen = {}

    class Spy:
        def train(self, encoder, array, index, terms, seed):
            seen["groups"] = {
                label: sorted(index.rows_at(np.arange(start, stop)).tolist())
                for label, start, stop in zip(
                    index.labels, index.edges[:-1], index.edges[1:], strict=True
                )
            }
            return {}

    labels = np.array(["a/ann/1", "b/bob/1", "a/ann/2", "b/bob/1", "a/al/3"])
    index = objectives.GroupIndex.from_labels(labels)
    objectives.BySubject(Spy()).train(None, None, index, None, 0)
    assert seen["groups"] == {"a/ann": [0, 2], "b/bob": [1, 3], "a/al": [4]}
