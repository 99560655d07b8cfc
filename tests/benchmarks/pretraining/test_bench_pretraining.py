"""The benchmark of pretraining runs, and treats all modes equally."""

import copy
import importlib.util
import json

import numpy as np
import pytest
import torch

from benchmarks.common.budget import Budget, BudgetSpent
from benchmarks.common.encoders import embed
from benchmarks.common.windows import Windows
from benchmarks.pretraining import bench_pretraining as bench
from benchmarks.pretraining import curves
from benchmarks.pretraining.data import draw_at_most, split
from benchmarks.pretraining.distances import fit_distance
from benchmarks.pretraining.modes import train_in_mode, untrained_embedder
from benchmarks.pretraining.probe import Probe
from benchmarks.pretraining.settings import MODES, PretrainingSettings
from relcon_sklearn._batches import Batches, GroupIndex
from relcon_sklearn._training._callbacks import warmup_cosine
from relcon_sklearn.datasets import make_motion
from relcon_sklearn.segments._array import SegmentArray
from tests.support.clock import Ticks

# A training of a given time has endless epochs. On a busy machine, the library warns about them.
pytestmark = pytest.mark.filterwarnings("ignore:.* of training remain")

SETTINGS = PretrainingSettings(
    distance_segments=48,
    embed_dim=4,
    batch_size=4,
    n_within=2,
    pretraining_windows=48,
    precision="float32",
)
LIBRARY = ["independent", "shared"]


@pytest.fixture(scope="module")
def windows():
    X, activity, subject, *_ = make_motion(96, n_subjects=6, n_timesteps=64, random_state=0)
    return Windows(X, activity, subject, np.zeros(96, dtype=int))


@pytest.fixture(scope="module")
def training(windows):
    """The pretraining windows, the distance, and the probe of a fold."""
    train, test = split(windows, 0)
    probe = Probe(train, test, 0, 0)
    train = draw_at_most(train, SETTINGS.pretraining_windows, 0)
    distance, _ = fit_distance(
        train, SETTINGS.distance_segments, 0, embed_dim=SETTINGS.embed_dim, batch_size=64
    )
    return train, distance, probe


class Keep:
    """A probe that keeps a copy of the encoder at the last checkpoint."""

    def __call__(self, encoder):
        assert not encoder.training
        self.encoder = copy.deepcopy(encoder)
        return 0.0


def trained(mode, training, seconds, settings=SETTINGS):
    """Return the points of a run by a clock of ticks, and the encoder at its end."""
    train, distance, _ = training
    keep = Keep()
    budget = Budget(seconds, settings.lr, keep, clock=Ticks())
    train_in_mode(mode, train, distance, settings, 0, budget)
    return budget.points, keep.encoder


# ---------------------------------------------------------------- fairness


def test_the_literal_mode_is_the_independent_one(training):
    # A step takes two ticks in every mode.
    seconds = [2, 4, 6, 8]
    ours, encoder = trained("independent", training, seconds)
    theirs, literal = trained("paper_literal", training, seconds)
    assert [point["steps"] for point in ours] == [1, 2, 3, 4]
    for point, other in zip(ours, theirs, strict=True):
        assert point["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
        for unit in ("seconds", "steps", "anchors", "segments", "pairs"):
            assert point[unit] == other[unit]
    X = training[0].X
    Z, Z_literal = embed(encoder, X), embed(literal, X)
    before = untrained_embedder(training[0], SETTINGS, 0).encoder_
    learned = np.linalg.norm(Z - embed(before, X))
    assert np.linalg.norm(Z - Z_literal) < 0.02 * learned


def test_modes_start_from_the_same_weights(training):
    # The first step has a learning rate near zero.
    settings = PretrainingSettings(**vars(SETTINGS) | {"lr": 1e-12})
    encoders = [trained(mode, training, [1], settings)[1] for mode in MODES]
    for encoder in encoders[1:]:
        for ours, theirs in zip(encoders[0].parameters(), encoder.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_shared_batches_have_as_many_segments(training):
    [own], [shared] = (trained(mode, training, [2])[0] for mode in LIBRARY)
    assert own["anchors"] == 4
    assert shared["anchors"] == shared["segments"] > own["anchors"]
    most = SETTINGS.batch_size * (1 + SETTINGS.n_within)
    assert max(own["segments"], shared["segments"]) <= most
    settings = PretrainingSettings(**vars(SETTINGS) | {"n_sets": 2})
    [few] = trained("shared", training, [2], settings)[0]
    assert few["anchors"] < shared["anchors"]
    assert trained("independent", training, [2], settings)[0][0]["anchors"] == 4


@pytest.mark.parametrize("mode", MODES)
def test_probing_leaves_training_as_it_is(training, mode):
    train, distance, probe = training
    runs = []
    for seconds in ([2, 4, 6, 8], [8]):
        keep = Keep()

        def judge(encoder, keep=keep):
            keep(encoder)
            return probe(encoder)

        budget = Budget(seconds, 1e-3, judge, clock=Ticks())
        train_in_mode(mode, train, distance, SETTINGS, 0, budget)
        runs.append((budget.points, keep.encoder.state_dict()))
    (often, state), (once, other) = runs
    assert [len(often), len(once)] == [4, 1]
    assert often[-1]["f1"] == once[-1]["f1"]
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_probing_takes_no_time():
    ticks = Ticks()

    def probe(module):
        ticks.now += 100
        return 0.5

    budget = Budget([3, 10], 2.0, probe, clock=ticks)
    batch = Batches(
        SegmentArray(np.zeros((4, 8, 1), np.float32)),
        GroupIndex.from_labels([0, 0, 1, 1]),
        batch_size=2,
        seed=0,
        n_within=1,
    )._make(np.array([0, 2]), 0, np.random.default_rng(0))
    module = torch.nn.Linear(1, 1)
    budget.start()
    rates = []
    for loss in range(4):
        rates.append(budget.rate())
        budget.after_step(module, batch, loss)
    rates.append(budget.rate())
    with pytest.raises(BudgetSpent):
        budget.after_step(module, batch, 4)
    assert [point["seconds"] for point in budget.points] == [4, 10]
    assert [point["steps"] for point in budget.points] == [2, 5]
    assert [point["train_loss"] for point in budget.points] == [0.5, 3]
    assert [point["pairs"] for point in budget.points] == [8, 20]  # a mate and the other anchor
    assert [point["probe_seconds"] for point in budget.points] == [101, 101]
    factors = [warmup_cosine(second / 10) for second in (1, 3, 5, 7, 9)]
    assert rates == pytest.approx([2 * factor for factor in factors])
    assert module.training


# ---------------------------------------------------------------- reading curves


def test_first_reached():
    seconds, scores = np.array([0, 1, 2, 4]), np.array([0.5, 0.4, 0.6, 0.8])
    assert curves.first_reached(seconds, scores, 0.5) == 0
    assert curves.first_reached(seconds, scores, 0.7) == pytest.approx(3)
    assert curves.first_reached(seconds, scores, 0.9) is None


def test_curves_at_common_times():
    points = [{"seconds": 3.0, "f1": 0.6}, {"seconds": 11.0, "f1": 0.9}]
    baselines = [{"scores": {"untrained_cold": 0.3}}]
    modes = {"shared": [{"points": points}]}
    found = curves.Curves("hapt", [0], baselines, modes, np.array([0, 1, 3, 10]))
    np.testing.assert_allclose(found.scores("shared"), [[0.3, 0.4, 0.6, 0.9]])


# ---------------------------------------------------------------- the script


@pytest.fixture
def smoke(windows, tmp_path, monkeypatch):
    """Run the script with few and short windows."""
    monkeypatch.setattr(bench, "load_windows", lambda folder, name, rate: windows)
    bench.windows_of.cache_clear()
    n_threads = torch.get_num_threads()
    output = tmp_path / "results.json"
    (tmp_path / "hapt.npz").touch()
    fixed = ["--smoke", "--data", str(tmp_path), "--only", "hapt", "--output", str(output)]
    yield lambda *more: bench.main([*fixed, "--seconds", "0.2", *more]), output
    torch.set_num_threads(n_threads)
    bench.windows_of.cache_clear()


def modes_in(output):
    return sorted(record["key"]["mode"] for record in json.loads(output.read_text())["records"])


@pytest.mark.slow
def test_the_script(smoke, capsys, monkeypatch):
    run, output = smoke
    run("--modes", *LIBRARY)
    assert modes_in(output) == ["baselines", *LIBRARY]
    run()
    everything = sorted(["baselines", *MODES])
    assert modes_in(output) == everything
    for record in json.loads(output.read_text())["records"]:
        for point in record.get("points", []):
            assert 0 <= point["f1"] <= 1
    told = capsys.readouterr().out
    assert "| shared - independent " in told
    assert "| independent - paper_literal " in told
    plots = sorted(path.name for path in output.parent.glob("cache/*.png"))
    there = importlib.util.find_spec("matplotlib") is not None
    assert plots == (["results_hapt.png"] if there else [])

    # Existing results are not made again, except with --again.
    before = output.read_bytes()
    run()
    run("--report")
    assert output.read_bytes() == before
    made = []
    monkeypatch.setattr(bench, "now", lambda: "2100")
    monkeypatch.setattr(bench, "run_job", lambda dataset, seed, modes, *rest: made.extend(modes))
    run("--again")
    assert sorted(made) == everything
    # Other settings are other results.
    made.clear()
    run("--n-sets", "3")
    assert made == ["shared", "fast"]


def test_jobs_of_other_processes_are_not_done(smoke, capsys):
    run, output = smoke
    with bench.ResultFile(output).lock("hapt_0"):
        run()
    assert "taken by another process" in capsys.readouterr().out
    assert not output.exists()


def test_results_replace_those_of_the_same_settings(tmp_path):
    results = bench.ResultFile(tmp_path / "results.json")
    other = PretrainingSettings(lr=1.0)
    for settings, value in ((SETTINGS, 1), (other, 2), (SETTINGS, 3)):
        results.add("hapt", 0, "shared", settings, value=value)
    assert results.find("hapt", 0, "shared", SETTINGS)["value"] == 3
    assert results.find("hapt", 0, "shared", other)["value"] == 2
    assert results.find("hapt", 1, "shared", SETTINGS) is None
    assert len(results.read()["records"]) == 2
    assert len(results.read()["runs"]) == 1
