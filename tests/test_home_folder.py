"""Paths that start with "~" are in the home folder of the user, as in scikit-learn's data_home."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import (
    Checkpoints,
    LearnedMotifDistance,
    SegmentWriter,
    open_segments,
)
from relcon_sklearn.datasets import make_motion_store

X = np.random.default_rng(0).normal(size=(8, 32, 3)).astype(np.float32)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder; afterwards, the working directory must have stayed empty."""
    home, working = tmp_path / "home", tmp_path / "working"
    home.mkdir()
    working.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(working)
    yield home
    assert list(working.iterdir()) == []


def distance(**parameters):
    return LearnedMotifDistance(embed_dim=4, max_epochs=1, random_state=0, **parameters)


def test_store(home):
    with SegmentWriter("~/store", n_timesteps=32, n_channels=3, sampling_rate=50) as writer:
        writer.append(X, "ann")
    assert (home / "store" / "header.json").is_file()
    assert_array_equal(open_segments("~/store").X[:], X)


def test_make_motion_store(home):
    for _ in range(2):  # the second call opens the store
        store = make_motion_store("~/motion", 8, 2, n_timesteps=32, random_state=0)
        assert len(store) == 8
        assert store.path == (home / "motion").resolve()


@pytest.mark.parametrize("settings", ["~/run", Checkpoints("~/run")])
def test_checkpoint_dir(settings, home):
    fitted = distance(checkpoint_dir=settings).fit(X, groups=np.arange(8) % 2)
    assert (home / "run" / "training.json").is_file()
    assert fitted.checkpoint_dir == settings  # as given, so that clones and repr stay the same


def test_saved_estimators(home):
    fitted = distance().fit(X, groups=np.arange(8) % 2)
    fitted.save("~/distance.safetensors")
    fitted.save_pretrained("~/distance")
    assert (home / "distance.safetensors").is_file()
    assert (home / "distance" / "model.safetensors").is_file()
    for loaded in (
        LearnedMotifDistance.load("~/distance.safetensors"),
        LearnedMotifDistance.from_pretrained("~/distance"),
    ):
        assert_array_equal(loaded.transform(X), fitted.transform(X))
