"""The downstream benchmark: cuts, folds, objectives and scores are what its page says."""

import importlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock
from scipy.stats import wilcoxon
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import cohen_kappa_score, f1_score
from sklearn.utils import Bunch
from torch import nn

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn._batches import Batch
from relcon_sklearn.datasets import make_motion, save_npz_recordings
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS, EncoderPreset
from tests.support.reference import Ticks

pytest.importorskip("tslearn")
FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
try:
    cells = importlib.import_module("_cells")
    classic = importlib.import_module("_classic")
    downstream = importlib.import_module("_downstream_data")
    encoders = importlib.import_module("_encoders")
    evaluation = importlib.import_module("_evaluation")
    objectives = importlib.import_module("_objectives")
    bench = importlib.import_module("bench_downstream")
finally:
    del sys.path[0]

Cell = cells.Cell
ALL = {
    **objectives.OBJECTIVES,
    # But for DTW, which compiles for seconds.
    **{k: o for k, o in objectives.ABLATIONS.items() if getattr(o, "distance", "") != "dtw"},
    "own batches": replace(objectives.RELCON, shared=False),
    "projection head": replace(objectives.RELCON, projection=True),
}


@pytest.fixture
def ticks(monkeypatch):
    """Count readings of the clock instead of seconds, and train small encoders."""
    monkeypatch.setattr(objectives, "time", SimpleNamespace(process_time=Ticks()))
    tiny = {"n_blocks": (1,), "widths": (8,), "kernel_sizes": (3,)}
    monkeypatch.setitem(ENCODER_PRESETS, "resnet14-half", EncoderPreset(ResNet1D, tiny))


# ---------------------------------------------------------------- scores


def test_classification_scores():
    y = np.array(["a", "a", "b", "b", "a", "b", "c", "c"])
    predicted = np.array(["a", "b", "b", "b", "a", "a", "c", "a"])
    folds, subjects = np.repeat([0, 1], 4), np.array([7, 7, 7, 8, 9, 9, 9, 9])
    scores = evaluation.classification_scores(y, predicted, subjects, folds)
    assert scores["confusion"] == [[2, 1, 0], [1, 2, 0], [1, 0, 1]]
    assert scores["f1"] == pytest.approx({"a": 4 / 7, "b": 2 / 3, "c": 2 / 3})
    f1 = [f1_score(y[part], predicted[part], average="macro") for part in (folds == 0, folds == 1)]
    kappa = [cohen_kappa_score(y[part], predicted[part]) for part in (folds == 0, folds == 1)]
    assert scores["folds"] == {"macro_f1": pytest.approx(f1), "kappa": pytest.approx(kappa)}
    assert scores["macro_f1"] == pytest.approx(np.mean(f1))
    assert scores["kappa"] == pytest.approx(np.mean(kappa))
    # The subject 8 has one label, found; of 7 the mean of 2/3 for each.
    assert scores["subjects"]["8"] == 1
    assert scores["subjects"]["7"] == pytest.approx(2 / 3)
    assert list(scores["subjects"]) == ["7", "8", "9"]
    json.dumps(scores)


def test_macro_f1_is_over_the_labels_that_are_there():
    y, predicted = np.array(["a", "a"]), np.array(["a", "b"])
    assert evaluation.macro_f1(y, predicted) == pytest.approx(2 / 3)
    assert f1_score(y, predicted, average="macro", zero_division=0) == pytest.approx(1 / 3)


def test_regression_scores():
    y = np.array([[1.0, 10], [2, 20], [3, 30], [5, 30]])
    predicted = np.array([[1.0, 20], [3, 20], [3, 20], [4, 20]])
    subjects, folds = np.array([1, 1, 2, 2]), np.array([0, 0, 1, 1])
    scores = evaluation.regression_scores(y, predicted, subjects, folds, ("speed", "cadence"))
    speed, cadence = scores["targets"]["speed"], scores["targets"]["cadence"]
    assert scores["mae"] == speed["mae"] == 0.5
    assert scores["r2"] == speed["r2"] == pytest.approx(1 - 2 / 8.75)
    assert speed["correlation"] == pytest.approx(np.corrcoef(y[:, 0], predicted[:, 0])[0, 1])
    assert speed["subjects"] == {"1": 0.5, "2": 0.5}
    assert speed["folds"]["mae"] == [0.5, 0.5]
    assert speed["folds"]["r2"] == pytest.approx([1 - 1 / 0.5, 1 - 1 / 2])
    assert cadence["mae"] == 7.5
    assert cadence["correlation"] == 0  # of a constant
    assert cadence["r2"] == pytest.approx(1 - 300 / 275)
    json.dumps(scores)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7, 0.01], [1.0, 1.0, 0.03]),
    ],
)
def test_holm(p, expected):
    assert evaluation.holm(p) == pytest.approx(expected)


def test_compare():
    rng = np.random.default_rng(0)
    reference = {str(i): value for i, value in enumerate(rng.uniform(0.5, 1, 12))}
    worse = {s: value - 0.1 * rng.uniform(0.5, 1) for s, value in reference.items()}
    near = {s: value + 0.1 * rng.normal() for s, value in list(reference.items())[2:]}
    rivals = {"near": near | {"unknown": 0.0}, "worse": worse, "same": reference}
    tests = evaluation.compare(reference, rivals)
    assert list(tests) == list(rivals)
    for name, rival in rivals.items():
        shared = [s for s in reference if s in rival]
        difference = np.array([reference[s] - rival[s] for s in shared])
        assert tests[name]["difference"] == pytest.approx(difference.mean())
        assert tests[name]["ahead"] == (difference > 0).sum()
        assert tests[name]["n_subjects"] == len(shared)
        if name != "same":
            assert tests[name]["p"] == pytest.approx(wilcoxon(difference).pvalue)
    assert tests["worse"]["p"] == pytest.approx(2 / 2**12)
    assert tests["same"]["p"] == tests["same"]["p_holm"] == 1
    assert tests["worse"]["p_holm"] == pytest.approx(3 * tests["worse"]["p"])


# ---------------------------------------------------------------- cells


def test_what_a_killed_writer_left_is_passed_over(tmp_path):
    file = cells.CellFile(tmp_path / "cells.jsonl")
    first, second = cells.Cell("none", "hapt", "a", "own"), cells.Cell("none", "hapt", "b", "own")
    file.add(first, {"value": 1})
    with file.path.open("a") as half:
        half.write('{"cell": {"sett')
    file.add(second, {"value": 2})
    assert {cell: record["value"] for cell, record in file.read().items()} == {first: 1, second: 2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_kappa_where_there_is_one_label_only():
    y = np.array(["a", "a", "b"])
    folds = np.array([0, 0, 1])
    scores = evaluation.classification_scores(y, y, folds, folds)
    assert scores["kappa"] == 1


def test_cells_are_read_back_and_the_last_of_two_wins(tmp_path):
    file = cells.CellFile(tmp_path / "new" / "cells.jsonl")
    assert file.read() == {}
    first = Cell("transfer", "hapt", "relcon", "linear")
    second = replace(first, seed=1, window=5.0, labelled=0.01)
    file.add(first, {"scores": {"f1": np.float32(0.5)}, "n": np.int64(3)})
    file.add(second, {"scores": {"f1": 0.25}})
    file.add(first, {"scores": {"f1": 0.75}})
    found = cells.CellFile(file.path).read()
    assert list(found) == [first, second]
    assert found[first]["scores"] == {"f1": 0.75}
    assert found[second]["scores"] == {"f1": 0.25}
    assert len(file.path.read_text().splitlines()) == 3


def test_processes_may_add_side_by_side(tmp_path):
    path = tmp_path / "cells.jsonl"
    script = (
        "import sys; from pathlib import Path; from _cells import Cell, CellFile\n"
        "for i in range(40):\n"
        "    cell = Cell('none', 'hapt', sys.argv[2], 'own', seed=i)\n"
        "    CellFile(Path(sys.argv[1])).add(cell, {'filler': 'x' * 20000})\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, path, name], cwd=FOLDER)
        for name in ("one", "two")
    ]
    file = cells.CellFile(path)
    while any(process.poll() is None for process in started):
        file.read()
    assert [process.returncode for process in started] == [0, 0]
    expected = {
        Cell("none", "hapt", name, "own", seed=i) for name in "one two".split() for i in range(40)
    }
    assert set(file.read()) == expected


# ---------------------------------------------------------------- windows


def signal(rng, n):
    return rng.normal(size=(n, 3))


def save(folder, task, **entries):
    path = folder / downstream.TASKS[task].file
    save_npz_recordings(path, entries)
    return path


def load(folder, task, window=1.0):
    return downstream.load_task(folder, task, window, 50.0, folder / "cache")


def test_windows_have_the_label_of_most_of_their_samples(tmp_path):
    rng = np.random.default_rng(0)
    names = ["A", "B", "C", "D", "E", "F", "TRANSITION"]
    parts = [
        [("A", 50)],
        [("A", 20), ("B", 30)],
        [("A", 25), ("B", 25)],
        [("TRANSITION", 50)],
        [("TRANSITION", 20), ("F", 30)],
        [("", 30), ("A", 20)],
        [("A", 20), ("B", 15), ("", 15)],
    ]
    labels = [name for part in parts for name, n in part for _ in range(n)] + ["A"] * 10
    save(
        tmp_path,
        "hapt",
        recordings=[signal(rng, 360), signal(rng, 20), signal(rng, 50)],
        subjects=["ann", "bob", "bob"],
        labels=[labels, ["A"] * 20, ["C"] * 50],
        label_names=names,
        sampling_rate=50.0,
    )
    windows = load(tmp_path, "hapt")
    assert windows.y.tolist() == ["A", "B", "", "", "F", "", "", "C"]
    assert windows.known.tolist() == [label != "" for label in windows.y]
    assert windows.subject.tolist() == ["ann"] * 7 + ["bob"]
    assert windows.recording.tolist() == [0] * 7 + [2]
    assert windows.X.shape == (8, 50, 3)
    assert windows.X.dtype == np.float32


def test_a_fall_is_the_window_of_its_peak(tmp_path):
    rng = np.random.default_rng(0)
    fall = signal(rng, 500)
    fall[230] = 9
    save(
        tmp_path,
        "sisfall",
        recordings=[signal(rng, 500), fall, signal(rng, 250)],
        subjects=["SA01", "SA01", "SE02"],
        sampling_rate=100.0,
        recording_is_fall=np.array([False, True, False]),
        recording_code=np.array(["D01", "F05", "D02"]),
    )
    activities = ["D01"] * 5
    plain, with_falls = load(tmp_path, "sisfall"), load(tmp_path, "sisfall_falls")
    assert plain.y.tolist() == [*activities, *[""] * 5, "D02", "D02"]
    assert with_falls.y.tolist() == [*activities, "", "", "fall", "", "", "D02", "D02"]
    assert with_falls.X.shape == (12, 50, 3)  # 100 Hz halved
    assert downstream.source_of("sisfall_falls") == downstream.source_of("sisfall") == "sisfall"


def test_gait_windows_are_inside_the_walk_only(tmp_path):
    rng = np.random.default_rng(0)
    save(
        tmp_path,
        "ipol",
        recordings=[signal(rng, 500), signal(rng, 300)],
        subjects=["a", "b"],
        sampling_rate=100.0,
        recording_speed_m_per_s=np.array([1.25, 0.5]),
        recording_cadence_steps_per_min=np.array([110.0, 90.0]),
        recording_double_support_fraction=np.array([0.25, np.nan]),
        recording_walk_start=np.array([100, 0]),
        recording_walk_stop=np.array([349, 300]),
    )
    windows = load(tmp_path, "ipol")
    # Half-overlapping windows start every 50 samples: those at 100, 150 and 200 end by 349.
    assert np.flatnonzero(windows.known).tolist() == [2, 3, 4]
    np.testing.assert_array_equal(windows.y[2:5], [[1.25, 110, 25]] * 3)
    assert np.isnan(windows.y[~windows.known]).any(axis=1).all()
    assert (windows.recording == 0).sum() == 9
    assert (windows.recording == 1).sum() == 5


def test_speed_is_of_windows_of_one_speed(tmp_path):
    rng = np.random.default_rng(0)
    speeds = np.repeat([0.0, 1.0, 2.0, 1.0], [125, 250, 150, 100])
    save(
        tmp_path,
        "troika",
        recordings=[signal(rng, 625)],
        subjects=["a"],
        sampling_rate=125.0,
        sample_speed_m_per_s=[speeds],
    )
    windows = load(tmp_path, "troika")
    np.testing.assert_array_equal(windows.y, [[np.nan], [1], [1], [2], [np.nan]])
    assert windows.known.tolist() == [False, True, True, True, False]


def test_recordings_of_another_rate_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    save(
        tmp_path,
        "smartfallmm",
        recordings=[signal(rng, 100) for _ in range(3)],
        subjects=["a", "b", "c"],
        labels=[["x"] * 100, ["y"] * 100, ["y"] * 100],
        sampling_rate=50.0,
        recording_native_rate=np.array([50, 25, 50]),
    )
    windows = load(tmp_path, "smartfallmm")
    assert windows.y.tolist() == ["x", "x", "y", "y"]
    assert windows.subject.tolist() == ["a", "a", "c", "c"]


def test_the_cache_gives_what_a_fresh_cut_does(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def write():
        save(
            tmp_path,
            "wisdm",
            recordings=[signal(rng, 100)],
            subjects=["a"],
            labels=[["x"] * 100],
            sampling_rate=20.0,
        )

    write()
    fresh = load(tmp_path, "wisdm")
    cuts, cut = [], downstream._cut
    monkeypatch.setattr(downstream, "_cut", lambda *args: cuts.append(args) or cut(*args))
    again = load(tmp_path, "wisdm")
    assert not cuts
    for name in ("X", "y", "subject", "recording"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fresh, name))
        assert getattr(again, name).dtype == getattr(fresh, name).dtype
    assert load(tmp_path, "wisdm", window=2.0).X.shape == (2, 100, 3)
    assert len(cuts) == 1
    write()
    assert not np.array_equal(load(tmp_path, "wisdm").X, fresh.X)
    assert not list(tmp_path.glob("cache/*.tmp*"))
    with pytest.raises(FileNotFoundError, match="the folder of the npz files"):
        load(tmp_path, "hapt")


def some_windows(n, seed=0):
    rng = np.random.default_rng(seed)
    labels, subjects = rng.choice(["", "a"], n), rng.integers(0, 3, n)
    return downstream.Windows(signal(rng, n)[:, None], labels, subjects, np.arange(n) // 2)


def test_drawn_windows():
    windows = some_windows(20)
    drawn = downstream.draw(windows, 7, seed=1)
    rows = [np.flatnonzero((windows.X == x).all(axis=(1, 2)))[0] for x in drawn.X]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(drawn.y, windows.y[rows])
    np.testing.assert_array_equal(drawn.subject, windows.subject[rows])
    np.testing.assert_array_equal(downstream.draw(windows, 7, seed=1).X, drawn.X)
    assert not np.array_equal(downstream.draw(windows, 7, seed=2).X, drawn.X)
    assert downstream.draw(windows, 20, 0) is windows


def test_groups_of_a_pool_are_recordings_of_subjects_of_data_sets():
    one, other = some_windows(6), some_windows(4, seed=1)
    X, groups = downstream.pool({"hapt": one, "wisdm": other})
    np.testing.assert_array_equal(X, np.concatenate([one.X, other.X]))
    expected = [
        f"{name}/{s}/{r}"
        for name, part in (("hapt", one), ("wisdm", other))
        for s, r in zip(part.subject, part.recording, strict=True)
    ]
    assert groups.tolist() == expected


# ---------------------------------------------------------------- objectives


@pytest.fixture(scope="module")
def motion():
    """Segments of six people."""
    made = make_motion(96, n_subjects=6, n_timesteps=64, random_state=0)
    return made.X.astype(np.float32), made.groups


def common(**changes):
    return objectives.Common(**({"seconds": 12.0, "n_segments": 32} | changes))


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("name", ALL)
def test_objectives_train(motion, name):
    start, _ = objectives.pretrain(None, *motion, common(), 0)
    encoder, record = objectives.pretrain(ALL[name], *motion, common(), 0)
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
    # Nobody has more time than others.
    spent = record["seconds"] + record.get("distance", {"seconds": 0})["seconds"]
    assert 10 <= spent <= 13
    again, same = objectives.pretrain(ALL[name], *motion, common(), 0)
    assert same["train_loss"] == record["train_loss"]
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in encoder.state_dict().items())


@pytest.mark.usefixtures("ticks")
def test_objectives_start_from_the_same_weights(motion):
    start, record = objectives.pretrain(None, *motion, common(), 3)
    assert record == {}
    for objective in ALL.values():
        encoder, _ = objectives.pretrain(objective, *motion, common(lr=1e-12), 3)
        for ours, theirs in zip(encoder.parameters(), start.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    other, _ = objectives.pretrain(None, *motion, common(), 4)
    assert not torch.equal(other.stem_conv.weight, start.stem_conv.weight)


@pytest.mark.usefixtures("ticks")
def test_a_distance_that_took_all_of_the_time_leaves_a_step(motion):
    _, record = objectives.pretrain(objectives.RELCON, *motion, common(seconds=2.0), 0)
    assert record["steps"] == 1


@pytest.mark.usefixtures("ticks")
def test_batch_norms_of_an_untrained_encoder_know_the_data(motion):
    encoder, _ = objectives.pretrain(None, *motion, common(), 0)
    assert not encoder.training
    assert {m.momentum for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}
    x = torch.from_numpy(motion[0]).transpose(1, 2)
    maps = encoder.stem_conv(x.unsqueeze(2)).detach()
    torch.testing.assert_close(encoder.stem_bn.running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(encoder.stem_bn.running_var, maps.var(dim=(0, 2, 3)))


@pytest.fixture
def captured(monkeypatch):
    """What `train` was asked to do: module, loss and batches of each call."""
    calls = []

    def train(module, loss, batches, lr, seconds):
        calls.append((module, loss, batches))
        return {"seconds": 0.0}

    monkeypatch.setattr(objectives, "train", train)
    return calls


def batch_of(segments, seed=0):
    n = torch.arange(len(segments))
    return Batch(segments, n, n[:, None], seed)


def test_an_uninformative_head_costs_ln_2(motion, captured):
    settings = common(dtype=torch.float32)
    objectives.pretrain(objectives.AugmentationPrediction(), *motion, settings, 0)
    [(module, loss, batches)] = captured
    for parameter in module[1].parameters():
        parameter.data.zero_()
    batch = next(iter(batches))
    assert len(batch.segments) == settings.n_segments
    assert loss(module, batch).item() == pytest.approx(np.log(2))


def test_augmentations_are_told_apart_by_what_they_do(captured, motion):
    def add(value):
        return lambda segments, generator: segments + value

    prediction = objectives.AugmentationPrediction((add(1), add(2), add(4)))
    objectives.pretrain(prediction, *motion, common(dtype=torch.float32), 0)
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


def masked(fraction, motion, captured):
    """Return the loss of masked reconstruction."""
    objective = objectives.MaskedReconstruction(fraction=fraction)
    objectives.pretrain(objective, *motion, common(dtype=torch.float32), 0)
    return captured.pop()[1]


def standardised(segments):
    x = segments.transpose(1, 2)
    return (x - x.mean(2, keepdim=True)) / (x.std(2, keepdim=True) + 0.01)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_masked_reconstruction_counts_masked_steps_only(motion, captured, fraction):
    loss = masked(fraction, motion, captured)
    segments, seen = torch.from_numpy(motion[0][:16]), []

    def feature_map(x):
        seen.append(x)
        return torch.zeros(len(x), 8, 14)

    encoder = SimpleNamespace(feature_map=feature_map)
    module = {"encoder": encoder, "head": lambda features: torch.zeros(len(features), 12, 14)}
    value = loss(module, batch_of(segments))
    mask = (seen[0] == 0).all(dim=1)  # of (n, n_timesteps)
    torch.testing.assert_close(seen[0], segments.transpose(1, 2) * ~mask[:, None])
    # Patches of eight, masked or not as a whole.
    assert (mask.view(16, 8, 8).float().mean(dim=2) % 1 == 0).all()
    assert mask.float().mean().item() == pytest.approx(fraction, abs=0.15)
    errors = standardised(segments).square().mean(dim=1)[mask]
    assert value.item() == pytest.approx(errors.mean().item() if len(errors) else 0, rel=1e-5)


def test_masked_reconstruction_is_in_the_order_of_time(motion, captured):
    loss = masked(1.0, motion, captured)
    ramps = torch.tensor([1.0, -1, 3])[:, None] * torch.linspace(-1, 1, 64)
    segments = ramps.T[None].repeat(4, 1, 1)
    steps = nn.functional.interpolate(standardised(segments), 56, mode="linear")
    # Four values of each channel in a step of the features.
    head = steps.view(4, 3, 14, 4).transpose(2, 3).reshape(4, 12, 14)
    encoder = SimpleNamespace(feature_map=lambda x: x)
    assert loss({"encoder": encoder, "head": lambda x: head}, batch_of(segments)).item() < 0.01
    wrong = head.flip(2)
    assert loss({"encoder": encoder, "head": lambda x: wrong}, batch_of(segments)).item() > 1


@pytest.mark.usefixtures("ticks")
@pytest.mark.parametrize("name", ["relcon", "relcon_published", "own batches"])
def test_relcon_minimises_what_the_estimator_does(motion, captured, monkeypatch, name):
    X, groups = motion
    objective, nets, trained = ALL[name], [], []
    ranker = objectives.MotifRanker
    monkeypatch.setattr(
        objectives, "MotifRanker", lambda net, *args: nets.append(net) or ranker(net, *args)
    )
    monkeypatch.setattr(
        "relcon_sklearn._base.fit_module",
        lambda module, loss, train, valid, **_: trained.append((loss, train)),
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
    seed, _ = embedder._begin(None, None)  # without checkpoints the data are not looked at
    encoder, _ = objectives.pretrain(objective, X, groups, common(dtype=torch.float32), seed)
    embedder.distance_.net_ = nets[0]
    loss = embedder._loss(
        query_stride=objective.query_stride,
        n_positives=objective.n_positives,
        augmentation=objective.augmentation,
    )
    _, train = trained[-1]
    _, ours, batches = captured[-1]
    first, theirs = next(iter(batches)), next(iter(train))
    assert type(batches) is type(train)
    assert first.seed == theirs.seed
    assert all(torch.equal(a, b) for a, b in zip(first[:3], theirs[:3], strict=True))
    assert ours(encoder.train(), first).item() == loss(encoder, theirs).item()


# ---------------------------------------------------------------- encoders

N_SUBJECTS = 6


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A folder with small files of all data sets."""
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(0)

    def recordings(rate, seconds):
        time = np.arange(int(rate * seconds)) / rate
        subjects = [f"s{i}" for i in range(N_SUBJECTS)]
        parts = [
            np.sin(2 * np.pi * (1 + time // (seconds / 2)) * time)[:, None]
            + 0.2 * signal(rng, len(time))
            for _ in subjects
        ]
        return {"recordings": parts, "subjects": subjects, "sampling_rate": float(rate)}

    def labels(made):
        n = len(made["recordings"][0])
        return [["still"] * (n // 2) + ["walking"] * (n - n // 2)] * N_SUBJECTS

    for task, rate in (("hapt", 50), ("smartfallmm", 50), ("wisdm", 20)):
        made = recordings(rate, 22)
        native = {"recording_native_rate": np.full(N_SUBJECTS, 50)}
        save(folder, task, labels=labels(made), **made, **native)
    falls = np.arange(N_SUBJECTS) % 3 == 0
    codes = np.where(falls, "F01", np.where(np.arange(N_SUBJECTS) % 3 == 1, "D01", "D02"))
    save(folder, "sisfall", **recordings(100, 12), recording_is_fall=falls, recording_code=codes)
    save(
        folder,
        "ipol",
        **recordings(100, 12),
        recording_speed_m_per_s=rng.uniform(0.5, 1.5, N_SUBJECTS),
        recording_cadence_steps_per_min=rng.uniform(80, 120, N_SUBJECTS),
        recording_double_support_fraction=rng.uniform(0.1, 0.3, N_SUBJECTS),
        recording_walk_start=np.zeros(N_SUBJECTS, dtype=int),
        recording_walk_stop=np.full(N_SUBJECTS, 1200),
    )
    made = recordings(125, 12)
    speeds = [np.full(len(recording), 1.0) for recording in made["recordings"]]
    save(folder, "troika", **made, sample_speed_m_per_s=speeds)
    return folder


@pytest.fixture
def data(sources, tmp_path):
    return encoders.Data(sources, tmp_path / "cache")


@pytest.mark.parametrize("task", downstream.TASKS)
def test_nothing_is_pretrained_on_the_data_of_the_task(data, task):
    parts = encoders.pretraining_windows(data, "transfer", task, None, 10)
    others = {name for name in downstream.SOURCES if name != downstream.source_of(task)}
    assert set(parts) == others
    assert len(others) == 5
    own = data.task(task).X
    for part in parts.values():
        assert len(part) == 10
        assert not (part.X[:, None] == own).all(axis=(2, 3)).any()


@pytest.mark.parametrize("task", ["hapt", "sisfall_falls", "ipol"])
def test_nothing_is_pretrained_on_who_is_held_out(data, task):
    held_out = np.array(["s1", "s4"])
    parts = encoders.pretraining_windows(data, "in_domain", task, held_out, 1000)
    [(name, part)] = parts.items()
    assert name == downstream.source_of(task)
    everybody = data.task(name)
    assert set(part.subject) == set(everybody.subject) - set(held_out)
    assert len(part) == (~np.isin(everybody.subject, held_out)).sum()


@pytest.mark.usefixtures("ticks")
def test_an_encoder_is_trained_once(data, monkeypatch):
    trained, pretrain = [], encoders.pretrain

    def counting(*args):
        trained.append(args)
        return pretrain(*args)

    monkeypatch.setattr(encoders, "pretrain", counting)

    def get(setting="transfer", task="hapt", held_out=None, objective=None, seed=0, **changes):
        objective = objective or objectives.AugmentationPrediction()
        held_out = None if held_out is None else np.array(held_out)
        settings = common(seconds=4.0, **changes)
        return encoders.pretrained(data, objective, setting, task, held_out, 20, settings, seed)

    first, record = get()
    second, same = get()
    assert len(trained) == 1
    assert record == same
    assert sum(record["windows"].values()) == len(trained[0][1]) == 100
    assert record["steps"] == 2
    assert not first.training
    assert not second.training
    assert all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())
    # What differs is another encoder, but both tasks of SisFall have the same.
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
def test_an_embedder_of_an_encoder(motion):
    X = motion[0]
    encoder, _ = objectives.pretrain(None, *motion, common(), 0)
    embedder = encoders.as_embedder(encoder, "resnet14-half", X)
    np.testing.assert_allclose(embedder.transform(X), bench.embed(encoder, X), rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------- the plan


def planned(settings=None):
    return [cell for stage in bench.plan(settings or bench.Settings()) for cell in stage]


@pytest.mark.parametrize("settings", [bench.Settings(), bench.SMOKE, bench.Settings(n_seeds=2)])
def test_no_cell_is_planned_twice(settings):
    counts = Counter(planned(settings))
    assert max(counts.values()) == 1
    assert {cell.seed for cell in counts} == set(range(settings.n_seeds))


def test_planned_cells_can_be_made():
    known = {*objectives.OBJECTIVES, *bench.ABLATIONS_BY_METHOD, *objectives.LONGER, "untrained"}
    known |= {*objectives.BY_SUBJECT}
    for cell in planned():
        assert cell.task in downstream.TASKS
        if cell.setting == "none":
            assert (cell.method == "scratch") == cell.protocol.startswith("fine_tune")
            assert cell.method in {*classic.CLASSIC, "scratch"}
        else:
            assert cell.setting in ("transfer", "in_domain")
            assert cell.method.removesuffix("_features") in known
            assert cell.protocol in ("linear", "mlp", "fine_tune", "fine_tune_longer")
    # Every method of the main table meets every task and seed.
    main = {(c.task, c.method, c.seed) for c in planned() if c.setting == "transfer"}
    for method in (*objectives.OBJECTIVES, "untrained"):
        assert all((task, method, seed) in main for task in downstream.TASKS for seed in range(3))


def test_a_job_has_one_encoder():
    encoders_of = defaultdict(set)
    for cell in planned():
        source = cell.task if cell.setting == "none" else downstream.source_of(cell.task)
        method = cell.method.removesuffix("_features")
        encoders_of[bench.job_of(cell)].add((cell.setting, source, method, cell.seed))
    assert {len(found) for found in encoders_of.values()} == {1}
    assert len(set().union(*encoders_of.values())) == len(encoders_of)
    assert not any("/" in name for name in encoders_of)


# ---------------------------------------------------------------- folds


@pytest.mark.parametrize("task", downstream.TASKS)
@pytest.mark.parametrize("n_folds", [2, 5])
def test_folds_are_by_subject_whatever_the_windows(data, task, n_folds):
    subjects = data.task(downstream.source_of(task)).subject
    held_out_by_window = []
    for window in bench.WINDOWS:
        windows = data.task(task, window)
        windows = windows.take(np.flatnonzero(windows.known))
        tested, held = np.zeros(len(windows), dtype=int), []
        for train, test, held_out in bench.folds_of(windows, subjects, n_folds):
            assert sorted([*train, *test]) == list(range(len(windows)))
            assert set(windows.subject[test]) <= set(held_out)
            assert not set(windows.subject[train]) & set(held_out)
            tested[test] += 1
            held.append(held_out.tolist())
        assert (tested == 1).all()
        assert sorted(s for part in held for s in part) == sorted(set(subjects))
        assert len(held) == n_folds
        held_out_by_window.append(held)
    assert all(held == held_out_by_window[0] for held in held_out_by_window)


def test_shares_of_labels_are_of_subjects():
    subject = np.repeat(np.arange(40), 3)
    windows = downstream.Windows(np.zeros((120, 4, 1)), np.full(120, "a"), subject, subject)
    rows = np.arange(30, 120)  # of 30 subjects
    found = {s: bench.some_subjects(windows, rows, s, 0) for s in bench.SHARES}
    numbers = {share: len(np.unique(subject[some])) for share, some in found.items()}
    assert numbers == {0.01: 1, 0.05: 2, 0.1: 3, 1.0: 30}
    for share, some in found.items():
        assert len(some) == 3 * numbers[share]
        assert set(some) <= set(rows)
    # More labels are more people, not others.
    assert set(found[0.01]) < set(found[0.05]) < set(found[0.1])
    np.testing.assert_array_equal(found[1.0], rows)
    other = bench.some_subjects(windows, rows, 0.1, 1)
    assert set(other) != set(found[0.1])


# ---------------------------------------------------------------- the run


@pytest.fixture
def benchmark(data, tmp_path, monkeypatch, ticks):
    """Run a part of the plan on small data, with one method that needs no pretraining."""

    def commonest(X_train, y, groups, X_test, *, rate, seed):
        assert rate == 50
        assert X_train.shape[1:] == X_test.shape[1:]
        if y.dtype.kind == "f":
            predicted = np.tile(y.mean(axis=0), (len(X_test), 1))
        else:
            names, counts = np.unique(y, return_counts=True)
            predicted = np.full(len(X_test), names[counts.argmax()])
        return classic.Fitted(predicted, {"n_subjects": len(set(groups))}, 0.0)

    for module in (classic, bench):
        monkeypatch.setattr(module, "CLASSIC", {"features_forest": commonest})
    monkeypatch.setattr(classic, "LOGISTIC_GRID", {"logisticregression__C": [0.1]})
    monkeypatch.setattr(classic, "RIDGE_GRID", {"ridge__alpha": [1.0]})
    monkeypatch.setattr(classic, "MLP_MAX_ITER", 3)
    data.cache.mkdir()
    settings = replace(
        bench.SMOKE, seconds=8.0, in_domain_seconds=8.0, n_windows=60, pretraining_windows=20
    )
    args = SimpleNamespace(
        data=data.folder,
        cache=data.cache,
        output=tmp_path / "results.jsonl",
        parts=["transfer", "none", "in_domain"],
        tasks=["hapt", "ipol"],
        methods=None,
    )
    file = cells.CellFile(args.output)

    def run(**changes):
        for name, value in changes.items():
            setattr(args, name, value)
        bench.run(args, settings, file)
        return file.read()

    return SimpleNamespace(run=run, settings=settings, args=args)


METHODS = ["relcon", "simclr", "untrained", "relcon_features", "scratch", "features_forest"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_planned_cell_is_made_once(benchmark, monkeypatch, capsys):
    methods = [*METHODS, "relcon:hard"]
    found = benchmark.run(methods=methods)
    wanted = [
        cell
        for cell in planned(benchmark.settings)
        if cell.task in benchmark.args.tasks and cell.method in methods
    ]
    assert len(wanted) > 40
    assert set(found) == set(wanted)
    assert len(benchmark.args.output.read_text().splitlines()) == len(wanted)
    assert len(capsys.readouterr().out.splitlines()) == len(wanted)
    for cell, record in found.items():
        scores = record["scores"]
        if cell.task == "ipol":
            assert scores["mae"] > 0
            assert list(scores["targets"]) == list(downstream.TASKS["ipol"].targets)
            assert len(scores["targets"]["speed (m/s)"]["subjects"]) == N_SUBJECTS
        else:
            assert 0 <= scores["macro_f1"] <= 1
            assert len(scores["subjects"]) == N_SUBJECTS
            assert np.sum(scores["confusion"]) == record["n_windows"]
        assert len(record["chosen"]) == benchmark.settings.n_folds
        if cell.method == "features_forest":
            # Three people train in each of two folds; a hundredth of them is one.
            n = 3 if cell.labelled == 1 else 1
            assert record["chosen"] == [{"n_subjects": n}] * 2
        with_time = cell.setting != "none" and cell.method != "untrained"
        assert ("pretraining" in record["seconds"]) == with_time
        n_trained = benchmark.settings.n_folds if cell.setting == "in_domain" else 1
        assert len(record["training"]) == n_trained
    windows = {cell.window: r["n_windows"] for cell, r in found.items() if cell.task == "hapt"}
    assert list(windows) == [2.56, 1.0, 5.0, 10.0]

    before = benchmark.args.output.read_bytes()
    monkeypatch.setattr(bench, "run_cell", None)
    benchmark.run()
    assert benchmark.args.output.read_bytes() == before


def test_what_another_process_has_taken_is_left_to_it(benchmark):
    benchmark.args.parts = ["transfer", "none"]
    taken = bench.job_of(Cell("none", "hapt", "features_forest", "own"))
    with FileLock(benchmark.args.cache / f"results-{taken}.lock"):
        found = benchmark.run(methods=["features_forest"])
    assert {cell.task for cell in found} == {"ipol"}
    assert {cell.task for cell in benchmark.run()} == {"hapt", "ipol"}


def test_the_same_cell_gives_the_same_scores(benchmark, tmp_path):
    cell = Cell("in_domain", "hapt", "relcon", "linear")
    first, second = (
        bench.run_cell(
            cell, encoders.Data(benchmark.args.data, tmp_path / name), benchmark.settings
        )
        for name in ("one", "two")
    )
    assert first["scores"] == second["scores"]
    assert first["training"] == second["training"]


# ---------------------------------------------------------------- what is not there


def test_a_task_without_its_file_is_left_out(tmp_path, capsys):
    (tmp_path / "hapt.npz").touch()
    assert bench.is_there("hapt", tmp_path)
    assert not bench.is_there("wisdm", tmp_path)
    assert "wisdm is left out: no file wisdm51_watch_reduced.npz" in capsys.readouterr().out
    assert encoders.Data(tmp_path, tmp_path).sources() == ["hapt"]


def test_missing_files_are_fetched(tmp_path, monkeypatch):
    fetching = sys.modules["_fetching"]
    rng = np.random.default_rng(0)
    codes = ["D01", "F02"]
    made = {
        "recordings": [rng.normal(size=(400, 3)).astype(np.float32) for _ in codes],
        "labels": [np.full(400, code) for code in codes],
        "subjects": np.array(["SA01", "SE01"]),
        "sampling_rate": 200.0,
        "units": "g",
    }
    monkeypatch.setattr(fetching, "fetch_sisfall", lambda: Bunch(**made))
    monkeypatch.setitem(fetching.PUBLISHED, "hapt.npz", lambda: Bunch(**made))
    (tmp_path / "hapt.npz").touch()
    assert fetching.fetch_missing(tmp_path) == ["sisfall_100hz.npz"]
    assert (tmp_path / "hapt.npz").stat().st_size == 0
    windows = downstream.load_task(tmp_path, "sisfall_falls", 1.0, 50.0, tmp_path / "cache")
    assert windows.X.shape == (4, 50, 3)
    assert windows.y[:2].tolist() == ["D01", "D01"]
    assert sorted(windows.y[2:].tolist()) == ["", "fall"]
    assert fetching.fetch_missing(tmp_path) == []


def test_recordings_of_a_person_are_one_group():
    seen = {}

    class Spy:
        def train(self, encoder, array, index, common, seed):
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
