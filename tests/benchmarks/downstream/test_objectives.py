"""Objectives of pretraining have the same terms, and train by the right losses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from relcon_sklearn import FeatureDistance, LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._batches import Batch
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.segments._array import SegmentArray

pytest.importorskip("tslearn")
from benchmarks.downstream import objectives
from benchmarks.downstream.objectives import Method

# All methods that train, except those with DTW, which compiles for seconds.
TRAINED = {
    name: method
    for name, method in objectives.METHODS.items()
    if method.objective and getattr(method.objective, "distance", "") != "dtw"
}
UNTRAINED = objectives.METHODS["untrained"]


def terms(**changes):
    return objectives.SharedTerms(**({"seconds": 12.0, "n_segments": 32} | changes))


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("name", TRAINED)
def test_methods_train_for_their_time(people, name):
    method = TRAINED[name]
    start = objectives.make_encoder(method, terms(), 3).state_dict()
    encoder, record = objectives.pretrain(method, *people, terms(), 0)
    assert isinstance(encoder, ResNet1D)
    assert not any(module.training for module in encoder.modules())
    assert all(value.isfinite().all() for value in encoder.state_dict().values())
    for parameter, before in zip(encoder.parameters(), start.values(), strict=False):
        assert parameter.requires_grad
        assert not torch.equal(parameter, before)
    assert np.isfinite(record["train_loss"])
    assert ("distance" in record) == (getattr(method.objective, "distance", "") == "learned")
    # All methods have the same time, unless they have another factor. Training ends with the first
    # step after it.
    spent = record["seconds"] + record.get("distance", {"seconds": 0})["seconds"]
    assert spent == pytest.approx(12 * method.factor, abs=2)
    assert record["windows"] <= len(people[0])
    again, same = objectives.pretrain(method, *people, terms(), 0)
    assert same["train_loss"] == record["train_loss"]
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in encoder.state_dict().items())


@pytest.mark.usefixtures("ticks")
def test_methods_start_from_the_same_weights(people):
    start, record = objectives.pretrain(UNTRAINED, *people, terms(), 3)
    assert record == {}
    for name in ("relcon", "relcon_published", "simclr", "features_regression", "masked"):
        encoder, _ = objectives.pretrain(TRAINED[name], *people, terms(lr=1e-12), 3)
        for ours, theirs in zip(encoder.parameters(), start.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    other, _ = objectives.pretrain(UNTRAINED, *people, terms(), 4)
    assert not torch.equal(other.stem_conv.weight, start.stem_conv.weight)


@pytest.mark.usefixtures("ticks")
def test_a_distance_that_took_all_of_the_time_leaves_a_step(people):
    method = TRAINED["relcon_published"]
    _, record = objectives.pretrain(method, *people, terms(seconds=2.0), 0)
    assert record["steps"] == 1


@pytest.mark.usefixtures("ticks")
def test_batch_norms_of_an_untrained_encoder_know_the_data(people):
    encoder, _ = objectives.pretrain(UNTRAINED, *people, terms(), 0)
    assert not encoder.training
    assert {m.momentum for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}
    x = torch.from_numpy(people[0]).transpose(1, 2)
    maps = encoder.stem_conv(x.unsqueeze(2)).detach()
    torch.testing.assert_close(encoder.stem_bn.running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(encoder.stem_bn.running_var, maps.var(dim=(0, 2, 3)))


# -- what differs from the shared terms ------------------------------------------------------------


class Spy:
    """An objective that keeps what it gets."""

    def train(self, encoder, array, index, terms, seed):
        self.__dict__.update(vars())
        return {}


def seen(data, **changes):
    """Return a spy that was trained by a method with changes, and the record."""
    spy = Spy()
    _, record = objectives.pretrain(Method(spy, **changes), *data, terms(), 0)
    return spy, record


@pytest.mark.usefixtures("ticks")
def test_a_method_without_changes_has_the_shared_terms(people):
    X, groups = people
    spy, record = seen(people)
    np.testing.assert_array_equal(spy.array.read(np.arange(len(X))), X)
    assert spy.index.labels.tolist() == sorted(set(groups))
    assert spy.terms == terms()
    assert spy.encoder.n_features == 16  # mean and standard deviation of eight
    assert record == {"windows": len(X)}


@pytest.mark.usefixtures("ticks")
def test_a_factor_is_of_the_time_and_a_readout_of_the_encoder(people):
    spy, _ = seen(people, factor=6.0, readout="mean")
    assert spy.terms == terms(seconds=72.0)
    assert spy.encoder.n_features == 8


@pytest.mark.usefixtures("ticks")
def test_a_share_of_the_people_has_all_their_windows(people):
    X, groups = people
    spy, record = seen(people, people=0.4)
    kept = spy.index.labels.tolist()
    assert sorted(person.partition("/")[0] for person in kept) == ["one", "two"]
    np.testing.assert_array_equal(
        spy.array.read(np.arange(record["windows"])), X[np.isin(groups, kept)]
    )


@pytest.mark.usefixtures("ticks")
def test_windows_drawn_by_motion_move_more(people):
    X, groups = people
    X = X * np.where(np.arange(len(X)) % 2, 1, 0.001)[:, None, None].astype(np.float32)
    spy, record = seen((X, groups), by_motion=True)
    assert record["windows"] == len(X)
    drawn = spy.array.read(np.arange(len(X)))
    assert (drawn.std(axis=(1, 2)) > 0.01).mean() > 0.7
    # Each window keeps its person.
    edges = spy.index.edges
    for person, start, stop in zip(spy.index.labels, edges[:-1], edges[1:], strict=True):
        own = X[groups == person]
        rows = spy.index.rows_at(np.arange(start, stop))
        assert all((own == x).all(axis=(1, 2)).any() for x in drawn[rows])


# -- losses ----------------------------------------------------------------------------------------


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


def loss_of(objective, people, captured):
    """Return the module and the loss of an objective in float32, and its batches."""
    objectives.pretrain(Method(objective), *people, terms(dtype=torch.float32), 0)
    return captured.pop()


@pytest.mark.usefixtures("ticks")
def test_simclr_contrasts_the_views_of_a_batch(people, captured):
    module, loss, batches = loss_of(objectives.SimCLR(temperature=0.2), people, captured)
    batch = next(iter(batches))
    n = len(batch.segments)
    assert n == 32
    views = objectives.VIEWS(
        torch.cat([batch.segments, batch.segments]), torch.Generator().manual_seed(batch.seed)
    )
    z = module.train()(views.transpose(1, 2)).detach().double().numpy()
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        scores = {j: z[i] @ z[j] / 0.2 for j in others}
        positive = (i + n) % (2 * n)
        losses.append(np.log(sum(np.exp(s) for s in scores.values())) - scores[positive])
    assert loss(module, batch).item() == pytest.approx(np.mean(losses), rel=1e-5)
    # The projection head is dropped.
    assert module.encoder.n_features == 16
    assert z.shape[1] == objectives.HEAD[-1]


@pytest.mark.usefixtures("ticks")
def test_regression_of_features_is_of_standardised_ones(people, captured):
    module, loss, batches = loss_of(objectives.FeatureRegression(), people, captured)
    batch = next(iter(batches))
    wanted = torch.from_numpy(
        FeatureDistance(50.0).fit(people[0]).transform(batch.segments.numpy())
    )
    assert module(batch.segments.transpose(1, 2)).shape == wanted.shape
    assert loss(lambda x: wanted, batch).item() == pytest.approx(0, abs=1e-9)
    assert loss(lambda x: wanted + 3, batch).item() == pytest.approx(2.5, rel=1e-5)  # smooth L1


def test_an_uninformative_head_costs_ln_2(people, captured):
    module, loss, batches = loss_of(objectives.AugmentationPrediction(), people, captured)
    for parameter in module[1].parameters():
        parameter.data.zero_()
    batch = next(iter(batches))
    assert len(batch.segments) == terms().n_segments
    assert loss(module, batch).item() == pytest.approx(np.log(2))


def test_augmentations_are_distinguished_by_their_effect(captured, people):
    def add(value):
        return lambda segments, generator: segments + value

    prediction = objectives.AugmentationPrediction((add(1), add(2), add(4)))
    _, loss, _ = loss_of(prediction, people, captured)
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
    return loss_of(objectives.MaskedReconstruction(fraction=fraction), people, captured)[1]


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
@pytest.mark.parametrize(
    "name", ["relcon", "relcon_published", "relcon:32 candidates, by features"]
)
def test_relcon_minimises_what_the_estimator_does(people, captured, monkeypatch, name):
    X, groups = people
    objective, nets, trained = TRAINED[name].objective, [], []
    ranker = objectives.MotifRanker
    monkeypatch.setattr(
        objectives, "MotifRanker", lambda net, *args: nets.append(net) or ranker(net, *args)
    )
    monkeypatch.setattr(
        "relcon_sklearn._embedder_training.fit_module",
        lambda module, loss, train, valid, options: trained.append((module, train)),
    )
    distance = FeatureDistance(50.0)
    if objective.distance == "learned":
        learned = LearnedMotifDistance(
            embed_dim=objective.embed_dim, query_stride=objective.query_stride, max_epochs=0
        ).fit(X)
        distance = FrozenEstimator(learned)
    embedder = RelConEmbedder(
        distance,
        encoder="resnet14-half",
        n_within=objective.n_within,
        n_between=objective.n_between,
        n_positives=objective.n_positives,
        augmentation=objective.augmentation,
        projection=objective.projection,
        feature_weight=objective.feature_weight,
        sampling_rate=50,
        candidates="shared" if objective.n_within else "independent",
        temperature=objective.temperature,
        batch_size=32 // (1 + objective.n_within),
        validation_fraction=0,
        precision="float32",
        random_state=0,
    )
    embedder.fit(X, groups=groups)
    run = embedder._open_checkpoints(None, None)  # without checkpoints, the data are not used
    settings = terms(dtype=torch.float32)
    objectives.pretrain(Method(objective), X, groups, settings, run.seed)
    if nets:
        embedder.distance_.net_ = nets[0]
    loss = embedder._training_loss(embedder._features_to_predict(SegmentArray(X)))
    their_module, train = trained[-1]
    module, ours, batches = captured[-1]
    assert [p.shape for p in module.parameters()] == [p.shape for p in their_module.parameters()]
    first, theirs = next(iter(batches)), next(iter(train))
    assert type(batches) is type(train)
    assert first.seed == theirs.seed
    assert all(torch.equal(a, b) for a, b in zip(first[:3], theirs[:3], strict=True))
    assert ours(module.train(), first).item() == loss(module, theirs).item()


@pytest.mark.usefixtures("ticks")
def test_averaged_weights_are_the_moving_average(people):
    class Steps:
        """Set the weights to the number of the step, and call the encoder as a training does."""

        def train(self, encoder, array, index, terms, seed):
            for step in range(1, 4):
                encoder(torch.zeros(2, 3, 64))
                with torch.no_grad():
                    for parameter in encoder.parameters():
                        parameter.fill_(step)
            return {"train_loss": 0.0}

    encoder = objectives.make_encoder(UNTRAINED, terms(), 3)
    start = [parameter.detach().clone() for parameter in encoder.parameters()]
    objectives.Averaged(Steps(), decay=0.5).train(encoder, None, None, terms(), 0)
    # The weights of the first call are the start of the average, and those after the last are not
    # in it.
    for parameter, first in zip(encoder.parameters(), start, strict=True):
        expected = 0.25 * first + 0.25 * 1 + 0.5 * 2
        torch.testing.assert_close(parameter, expected)
    encoder(torch.zeros(2, 3, 64))  # without the hook
