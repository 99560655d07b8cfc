"""load_benchmark: segments, classes and folds of each protocol; no leaks from the test part."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from relcon_sklearn.datasets import _benchmark, load_benchmark

TASKS = [
    ("hhar", "subject-5fold"),
    ("motionsense", "subject-5fold"),
    ("pamap2", "subject-5fold"),
    ("pamap2", "leave-one-subject-out"),
    ("opportunity", "leave-one-subject-out"),
]
N_TIMESTEPS = {"subject-5fold": 200, "leave-one-subject-out": 1000}
SUBJECTS = {
    "hhar": list("abcdefghi"),
    "motionsense": [str(number) for number in range(1, 25)],
    "pamap2": [str(number) for number in range(101, 110)],
    "opportunity": ["S1", "S2", "S3", "S4"],
}
RATES = {"hhar": 200.0, "motionsense": 50.0, "pamap2": 100.0, "opportunity": 30.0}
LABELS = {
    "hhar": ["bike", "sit", "stairsdown", "stairsup", "stand", "walk"],
    "motionsense": ["downstairs", "upstairs", "walking", "jogging", "sitting", "standing"],
    "pamap2": ["lying", "sitting", "running", "ironing", "watching TV"],
    "opportunity": ["Stand", "Walk", "Sit", "Lie"],
}
SECONDS = 12.0  # duration of each label; labels follow one another


def recordings(name):
    """Return recordings like a fetcher, one for each subject, each with all labels."""
    rng = np.random.default_rng(0)
    rate, labels = RATES[name], LABELS[name]
    n = int(SECONDS * rate)
    signals, tables = [], []
    for subject in range(len(SUBJECTS[name])):
        levels = rng.normal([0.0, 0.1 * subject, 1.0], size=(len(labels), 3))
        noise = rng.normal(scale=0.1, size=(n * len(labels), 3))
        signals.append((np.repeat(levels, n, axis=0) + noise).astype(np.float32))
        tables.append(np.repeat(labels, n))
    n_recordings = len(signals)
    return Bunch(
        recordings=signals,
        labels=tables,
        subjects=np.array(SUBJECTS[name]),
        timestamps=None if name == "motionsense" else [np.arange(len(s)) / rate for s in signals],
        sampling_rate=np.full(n_recordings, rate) if name == "hhar" else rate,
        units="g",
        placement="somewhere",
        channel_names=["x", "y", "z"],
        label_names=labels,
        DESCR="A description.",
        licence="CC BY 4.0",
        citation="An article.",
    )


@pytest.fixture
def fetched(monkeypatch):
    """Replace the fetchers; return the recordings that they return, and a list of their calls."""
    data = {name: recordings(name) for name in SUBJECTS}
    calls = []

    def fetcher(name):
        def fetch(**options):
            calls.append((name, options))
            return data[name]

        return fetch

    for (name, protocol), task in _benchmark._TASKS.items():
        patched = task._replace(fetch=fetcher(name))
        monkeypatch.setitem(_benchmark._TASKS, (name, protocol), patched)
    return Bunch(data=data, calls=calls)


@pytest.mark.parametrize(("name", "protocol"), TASKS)
def test_segments(fetched, name, protocol):
    bench = load_benchmark(name, protocol=protocol)
    wanted = set(LABELS[name]) - {"watching TV"}
    if protocol == "leave-one-subject-out":
        wanted -= {"running"}
    assert bench.X.shape[1:] == (N_TIMESTEPS[protocol], 3)
    assert bench.X.dtype == bench.mean.dtype == bench.scale.dtype == np.float32
    assert set(bench.y) == wanted <= set(bench.label_names)
    assert set(bench.groups) == set(SUBJECTS[name])
    assert len(bench.X) == len(bench.y) == len(bench.groups) == len(bench.hour_groups)
    assert (bench.name, bench.protocol) == (name, protocol)
    assert (bench.sampling_rate, bench.units, bench.placement) == (100.0, "g", "somewhere")
    assert (bench.DESCR, bench.licence) == ("A description.", "CC BY 4.0")
    assert bench.citation == "An article."


def test_windows_overlap_by_half_in_one_protocol_only(fetched):
    n = int(SECONDS * len(LABELS["opportunity"]))  # s
    bench = load_benchmark("opportunity")
    n_windows = len(bench.X) + sum(
        bench.dropped[why] for why in ("windows_impure", "windows_unlabelled")
    )
    assert n_windows == 4 * ((n - 10) // 5 + 1)
    bench = load_benchmark("hhar")
    assert len(bench.X) == 9 * 6 * SECONDS / 2
    assert bench.dropped["windows_impure"] == 0


def test_labels_cover_more_than_half(fetched):
    data = fetched.data["opportunity"]
    whole = load_benchmark("opportunity")
    data.labels[0] = np.where(np.arange(len(data.labels[0])) < 5 * 30, "", data.labels[0])
    assert whole.dropped["windows_unlabelled"] == 0
    # Half of the first window is now unlabelled. The second window is fully labelled.
    bench = load_benchmark("opportunity")
    assert bench.dropped["windows_unlabelled"] == 1
    assert_array_equal(bench.X, whole.X[1:])


@pytest.mark.parametrize(
    ("name", "protocol", "options"),
    [
        ("hhar", None, {}),
        ("motionsense", None, {}),
        ("pamap2", "subject-5fold", {"placement": "ankle"}),
        ("pamap2", "leave-one-subject-out", {"placement": "wrist"}),
        ("opportunity", None, {"placement": "wrist", "target": "locomotion"}),
    ],
)
def test_what_is_fetched(fetched, name, protocol, options):
    download = {
        "data_home": "somewhere",
        "download_if_missing": False,
        "n_retries": 0,
        "delay": 0.5,
        "progressbar": False,
    }
    load_benchmark(name, protocol=protocol, **download)
    assert fetched.calls == [(name, options | download)]


@pytest.mark.parametrize(("name", "protocol"), TASKS)
def test_no_subject_on_both_sides(fetched, name, protocol):
    bench = load_benchmark(name, protocol=protocol)
    assert len(bench.folds) == (5 if protocol == "subject-5fold" else len(SUBJECTS[name]))
    for train, test in bench.folds:
        assert not set(bench.groups[train]) & set(bench.groups[test])
        assert sorted([*train, *test]) == list(range(len(bench.X)))
    tested = np.concatenate([test for _, test in bench.folds])
    assert sorted(tested) == list(range(len(bench.X)))


def test_subjects_are_assigned_to_folds_in_turn(fetched):
    def tested(name, **options):
        bench = load_benchmark(name, **options)
        return [set(bench.groups[test].tolist()) for _, test in bench.folds]

    assert tested("hhar") == [{"a", "f"}, {"b", "g"}, {"c", "h"}, {"d", "i"}, {"e"}]
    folds = tested("motionsense")
    assert folds[0] == {"1", "6", "11", "16", "21"}
    assert folds[4] == {"5", "10", "15", "20"}
    assert tested("opportunity") == [{"S1"}, {"S2"}, {"S3"}, {"S4"}]


def test_a_subject_without_the_classes_is_left_out(fetched):
    data = fetched.data["pamap2"]
    data.labels[-1] = np.full(len(data.labels[-1]), "rope jumping")
    bench = load_benchmark("pamap2", protocol="leave-one-subject-out")
    assert sorted(set(bench.groups)) == SUBJECTS["pamap2"][:-1]
    assert len(bench.folds) == 8
    assert bench.dropped["windows_of_other_classes"] > 0
    bench = load_benchmark("pamap2", protocol="subject-5fold")
    assert "109" in bench.groups


@pytest.mark.parametrize(("name", "protocol"), TASKS)
def test_mean_and_scale_are_those_of_the_training_part(fetched, name, protocol):
    bench = load_benchmark(name, protocol=protocol)
    for i, (train, _) in enumerate(bench.folds):
        samples = bench.X[train].reshape(-1, 3).astype(float)
        assert_allclose(bench.mean[i], samples.mean(axis=0), rtol=1e-5, atol=1e-6)
        assert_allclose(bench.scale[i], samples.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize(("name", "protocol"), TASKS)
def test_test_part_does_not_leak(fetched, name, protocol):
    before = load_benchmark(name, protocol=protocol)
    data = fetched.data[name]
    tested = np.unique(before.groups[before.folds[1][1]])
    for i in np.flatnonzero(np.isin(data.subjects, tested)):
        data.recordings[i] = data.recordings[i][::-1] * np.float32(1.5) + np.float32(0.5)
    after = load_benchmark(name, protocol=protocol)
    assert_array_equal(after.mean[1], before.mean[1])
    assert_array_equal(after.scale[1], before.scale[1])
    assert_array_equal(after.fold(1)[0], before.fold(1)[0])
    assert not np.array_equal(after.fold(1)[1], before.fold(1)[1])
    # The other folds train on these subjects.
    assert (after.mean[0] != before.mean[0]).all()
    assert (after.scale[0] != before.scale[0]).all()


def test_fold_is_z_scored_in_one_protocol(fetched):
    bench = load_benchmark("pamap2", protocol="subject-5fold")
    train, test = bench.folds[2]
    X_train, X_test, y_train, y_test = bench.fold(2)
    assert_allclose(X_train.mean(axis=(0, 1)), 0, atol=1e-4)
    assert_allclose(X_train.std(axis=(0, 1)), 1, atol=1e-4)
    assert_array_equal(X_test, (bench.X[test] - bench.mean[2]) / bench.scale[2])
    assert_array_equal(y_train, bench.y[train])
    assert_array_equal(y_test, bench.y[test])
    assert X_train.dtype == X_test.dtype == np.float32
    assert_array_equal(bench.fold(2, z_score=False)[0], bench.X[train])


def test_fold_is_in_g_in_the_other(fetched):
    bench = load_benchmark("pamap2", protocol="leave-one-subject-out")
    train, test = bench.folds[2]
    X_train, X_test, _, _ = bench.fold(2)
    assert_array_equal(X_train, bench.X[train])
    assert_array_equal(X_test, bench.X[test])
    assert_allclose(bench.fold(2, z_score=True)[0].std(axis=(0, 1)), 1, atol=1e-4)


def test_clipped_in_one_protocol_only(fetched):
    for recording in fetched.data["pamap2"].recordings:
        recording[::50] = [9.0, -9.0, 1.0]
    clipped = load_benchmark("pamap2", protocol="leave-one-subject-out").X
    assert (clipped.max(), clipped.min()) == (3.0, -3.0)
    assert load_benchmark("pamap2", protocol="subject-5fold").X.max() == 9.0


def test_gaps_up_to_a_quarter_of_a_second_are_interpolated(fetched):
    data = fetched.data["opportunity"]
    whole = len(load_benchmark("opportunity").X)

    def without(n_samples):
        keep = np.delete(np.arange(len(data.recordings[0])), np.arange(300, 300 + n_samples))
        changed = Bunch(**data)
        for key in ("recordings", "labels", "timestamps"):
            changed[key] = [data[key][0][keep], *data[key][1:]]
        fetched.data["opportunity"] = changed
        return len(load_benchmark("opportunity").X)

    assert without(6) == whole
    assert without(12) < whole


def test_folds_are_accepted_by_scikit_learn(fetched):
    bench = load_benchmark("opportunity")
    summary = FunctionTransformer(lambda X: X.mean(axis=1))
    model = make_pipeline(summary, LogisticRegression(max_iter=1000))
    scores = cross_val_score(model, bench.X, bench.y, cv=bench.folds)
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()


def test_same_each_time_and_picklable(fetched):
    first, second = load_benchmark("hhar"), load_benchmark("hhar")
    copy = pickle.loads(pickle.dumps(first))
    for other in (second, copy):
        assert_array_equal(other.X, first.X)
        for ours, theirs in zip(other.folds, first.folds, strict=True):
            assert_array_equal(ours[1], theirs[1])
    assert_array_equal(copy.fold(0)[1], first.fold(0)[1])


def test_protocols(fetched):
    assert load_benchmark("opportunity").protocol == "leave-one-subject-out"
    with pytest.raises(ValueError, match=r"protocol=None, but 'pamap2' has several protocols"):
        load_benchmark("pamap2")
    with pytest.raises(ValueError, match="Pass protocol='leave-one-subject-out', or one of"):
        load_benchmark("opportunity", protocol="subject-5fold")
    with pytest.raises(ValueError, match="'name' parameter of load_benchmark"):
        load_benchmark("hapt")
