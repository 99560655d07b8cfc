"""Interrupted fits resume from their checkpoints, in all estimators and stages of training."""

import os
import signal
import subprocess
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

from benchmarks.common.processes import run_module
from relcon_sklearn import Checkpoints
from relcon_sklearn.nn import PulsePPGEncoder
from tests.support.break_off import BreakOff, Broken
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor
from tests.support.full_disk import FullDisk


def fit(estimator, motion, path=None, after=10**9, act=None, **settings):
    """Fit a clone that is interrupted after `after` steps of its own training."""
    X, y, subjects = motion
    estimator = clone(estimator).set_params(callbacks=[BreakOff(after, act)])
    if path is not None:
        estimator.set_params(checkpoint_dir=Checkpoints(path, every_seconds=None, **settings))
    return estimator.fit(X, y == y[0], groups=subjects)


def state(estimator):
    """Return the weights and history of an estimator and of the estimators nested in it."""
    found = {"history": estimator.history_}
    for name, value in sorted(vars(estimator).items()):
        if isinstance(value, nn.Module):
            found[name] = {k: v.numpy().tobytes() for k, v in value.state_dict().items()}
        elif hasattr(value, "history_") and name.endswith("_"):
            found[name] = state(value)
    return found


PRETRAINED = tiny_embedder(distance=tiny_distance(random_state=None), random_state=None)
ESTIMATORS = {
    "distance": tiny_distance(),
    "embedder": tiny_embedder(),
    "shared candidates": tiny_embedder(candidates="shared"),
    "dropout": tiny_embedder(encoder=partial(PulsePPGEncoder, width=2, n_blocks=3)),
    "classifier": tiny_classifier(max_epochs=3),
    "frozen encoder": tiny_classifier(max_epochs=3, freeze="encoder"),
    "pretrained regressor": tiny_regressor(encoder=PRETRAINED, max_epochs=3),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_result_equals_an_uninterrupted_fit(name, motion, tmp_path):
    estimator = ESTIMATORS[name]
    expected = state(fit(estimator, motion))
    with pytest.raises(Broken):
        fit(estimator, motion, tmp_path, 3, every_steps=2)
    with pytest.raises(Broken):
        fit(estimator, motion, tmp_path, 2, every_steps=1)
    fitted = fit(estimator, motion, tmp_path)
    assert state(fitted) == expected
    # A finished training is restored without further steps.
    assert state(fit(estimator, motion, tmp_path, after=1)) == expected


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_a_gpu_the_result_is_the_same_up_to_rounding(precision, motion, tmp_path):
    distance = tiny_distance(device="cuda")
    estimator = tiny_embedder(distance=distance, device="cuda", precision=precision)
    expected = fit(estimator, motion).transform(motion[0])
    with pytest.raises(Broken):
        fit(estimator, motion, tmp_path, 3, every_steps=2)
    found = fit(estimator, motion, tmp_path).transform(motion[0])
    tolerance = 1e-3 if precision == "float32" else 0.05
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_each_stage_has_a_folder(motion, tmp_path):
    fit(ESTIMATORS["pretrained regressor"], motion, tmp_path)
    folders = {p.parent.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.ckpt")}
    assert folders == {".", "pretraining", "pretraining/distance"}


def test_a_distance_keeps_its_own_folder(motion, tmp_path):
    distance = tiny_distance(checkpoint_dir=tmp_path / "mine")
    fit(tiny_embedder(distance=distance), motion, tmp_path / "encoder")
    assert (tmp_path / "mine" / "training.json").exists()
    assert not (tmp_path / "encoder" / "distance").exists()


def test_without_a_seed_the_first_seed_is_kept(motion, tmp_path):
    estimator = tiny_embedder(
        distance=tiny_distance(random_state=None), random_state=None, max_epochs=3
    )
    with pytest.raises(Broken):
        fit(estimator, motion, tmp_path, 2, every_steps=1)
    first = fit(estimator, motion, tmp_path)
    assert state(fit(estimator, motion, tmp_path)) == state(first)
    assert state(fit(estimator, motion)) != state(first)


def test_without_a_seed_an_interruption_between_stages(motion, tmp_path):
    estimator = tiny_embedder(distance=tiny_distance(random_state=None), random_state=None)
    with pytest.raises(Broken):
        fit(estimator, motion, tmp_path, 1, every_steps=100)
    assert not list(tmp_path.glob("*.ckpt"))
    distance = clone(estimator.distance)
    before = {p.name: p.read_bytes() for p in (tmp_path / "distance").iterdir()}
    fit(estimator, motion, tmp_path)
    assert {p.name: p.read_bytes() for p in (tmp_path / "distance").iterdir()} == before
    assert distance.random_state is None


def test_random_state_instances(motion, tmp_path):
    def estimator(seed):
        return tiny_distance(random_state=np.random.RandomState(seed))

    X, _, subjects = motion
    first = estimator(1).set_params(checkpoint_dir=tmp_path).fit(X, groups=subjects)
    again = estimator(1).set_params(checkpoint_dir=tmp_path).fit(X, groups=subjects)
    assert state(first) == state(again)
    with pytest.raises(ValueError, match="random_state was 'RandomState that drew"):
        estimator(2).set_params(checkpoint_dir=tmp_path).fit(X, groups=subjects)


CHANGES = {
    "lr": (lambda e: e.set_params(lr=0.5), r"another training: lr was 0.001 and is 0.5"),
    "n_within": (lambda e: e.set_params(n_within=2), "n_within was 3 and is 2"),
    "distance": (
        lambda e: e.set_params(distance__embed_dim=4),
        r"distance\.embed_dim was 8 and is 4",
    ),
    "augmentation": (lambda e: e.set_params(augmentation=str), "augmentation was None and is"),
    "random_state": (lambda e: e.set_params(random_state=1), "random_state was 0 and is 1"),
    "encoder": (
        lambda e: e.set_params(encoder="resnet14-half"),
        "encoder was .* is 'resnet14-half'",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_parameters_are_refused(name, motion, tmp_path):
    change, message = CHANGES[name]
    estimator = tiny_embedder(max_epochs=1, distance=tiny_distance(max_epochs=1))
    fit(estimator, motion, tmp_path)
    changed = clone(estimator)
    change(changed)
    with pytest.raises(ValueError, match=message):
        fit(changed, motion, tmp_path)


def changed_data(motion):
    X, y, subjects = motion
    another = X.copy()
    another[-1, -1, -1] += 1
    return {
        "values": ((another, y, subjects), r"data\.X\.checksum was"),
        "length": ((X[:, :60], y, subjects), r"data\.X\.shape was \[90, 64, 3\] and is"),
        "dtype": ((X.astype(np.float64), y, subjects), "data.X.dtype was 'float32' and is"),
        "groups": ((X, y, np.roll(subjects, 1)), r"data\.groups was"),
        "y": ((X, np.roll(y == y[0], 1), subjects), r"data\.y was"),
    }


@pytest.mark.parametrize("name", ["values", "length", "dtype", "groups", "y"])
def test_other_data_are_refused(name, motion, tmp_path):
    estimator = tiny_classifier(max_epochs=1, checkpoint_dir=tmp_path)
    X, y, subjects = motion
    estimator.fit(X, y == y[0], groups=subjects)
    (X, y, subjects), message = changed_data(motion)[name]
    refused = clone(estimator)
    with pytest.raises(ValueError, match=message):
        refused.fit(X, y if y.dtype == bool else y == y[0], groups=subjects)
    with pytest.raises(NotFittedError):
        refused.predict(X)


@pytest.mark.parametrize("name", ["device", "verbose", "rate", "interval"])
def test_parameters_without_effect_may_change(name, motion, tmp_path):
    estimator = tiny_distance(max_epochs=1, checkpoint_dir=tmp_path)
    X, _, subjects = motion
    expected = state(clone(estimator).fit(X, groups=subjects))
    change = {
        "device": {"device": "cpu"},
        "verbose": {"verbose": 1},
        "rate": {"sampling_rate": 50},
        "interval": {"checkpoint_dir": Checkpoints(str(tmp_path), every_steps=1, keep=5)},
    }
    again = clone(estimator).set_params(**change[name])
    assert state(again.fit(X, groups=subjects)) == expected


def test_the_rate_counts_if_the_distance_uses_it(motion, tmp_path):
    X, _, subjects = motion
    settings = {"distance": "features", "max_epochs": 1, "checkpoint_dir": tmp_path}
    tiny_embedder(**settings, sampling_rate=50).fit(X, groups=subjects)
    tiny_embedder(**settings).fit(X, groups=subjects)  # 50 Hz is assumed
    with pytest.raises(ValueError, match=r"sampling_rate of the features was 50\.0 and is 25\.0"):
        tiny_embedder(**settings, sampling_rate=25).fit(X, groups=subjects)
    nested = tiny_classifier(encoder=tiny_embedder(**settings | {"checkpoint_dir": None}))
    nested.set_params(validation_fraction=0)
    again = clone(nested).set_params(sampling_rate=50)
    for estimator in (nested, again):
        estimator.set_params(max_epochs=1, checkpoint_dir=tmp_path / "nested")
        estimator.fit(X, subjects, groups=subjects)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_a_checkpoint_and_leave_nothing_fitted(number, motion, tmp_path):
    estimator = tiny_embedder()
    expected = state(fit(estimator, motion))
    broken = clone(estimator).set_params(
        checkpoint_dir=Checkpoints(tmp_path, every_seconds=None),
        callbacks=[BreakOff(3, lambda: os.kill(os.getpid(), number))],
    )
    X, _, subjects = motion
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, groups=subjects)
    with pytest.raises(NotFittedError):
        broken.transform(X)
    assert [p.name for p in tmp_path.glob("*.ckpt")] == ["step-000000000003.ckpt"]
    assert state(fit(estimator, motion, tmp_path)) == expected


def test_a_full_disk_keeps_the_last_checkpoint(motion, tmp_path, monkeypatch):
    """A write fails halfway, as on a full disk."""
    estimator = tiny_distance()
    expected = state(fit(estimator, motion, tmp_path / "alone"))
    size = next((tmp_path / "alone").glob("*.ckpt")).stat().st_size

    with monkeypatch.context() as patch:
        patch.setattr(
            "relcon_sklearn._utils._atomic.open", FullDisk(5 * size // 2).open, raising=False
        )
        with pytest.raises(OSError, match=r"No space left .* the same fit resumes from step-"):
            fit(estimator, motion, tmp_path / "full", every_steps=1)
    assert not list((tmp_path / "full").glob(".*.tmp"))
    assert state(fit(estimator, motion, tmp_path / "full")) == expected


def test_clones_of_a_search_cannot_share_a_folder(motion, tmp_path):
    X, _, subjects = motion
    estimator = tiny_distance(max_epochs=1, checkpoint_dir=tmp_path)
    estimator.fit(X, groups=subjects)
    with pytest.raises(ValueError, match=r"another training: data\.X\.shape was"):
        clone(estimator).fit(X[:50], groups=subjects[:50])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("n_tries", "trainings"),
    [
        # A classifier with a pretrained encoder has all stages.
        (1, ["classifier"]),
        pytest.param(3, ["distance", "embedder", "classifier"], marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments(n_tries, trainings, tmp_path):
    """The process is killed in every stage and during writes. See the script."""
    script = "benchmarks.reliability.bench_reliability"
    kinds = [f"training killed: {name}" for name in trainings]
    options = ["--kinds", *kinds, "--tries", n_tries, "--output", tmp_path / "results.json"]
    done = run_module(script, *options, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{n_tries * len(kinds)} tries in" in done.stdout
