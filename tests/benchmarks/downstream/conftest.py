from types import SimpleNamespace

import numpy as np
import pytest

from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS, EncoderPreset
from tests.support.benchmark_data import save_all_tasks
from tests.support.clock import Ticks


@pytest.fixture
def ticks(monkeypatch):
    """Count readings of the clock instead of seconds, and train small encoders."""
    from benchmarks.downstream import objectives

    monkeypatch.setattr(objectives, "time", SimpleNamespace(process_time=Ticks()))
    tiny = {"n_blocks": (1,), "widths": (8,), "kernel_sizes": (3,)}
    monkeypatch.setitem(ENCODER_PRESETS, "resnet14-half", EncoderPreset(ResNet1D, tiny))


@pytest.fixture(scope="package")
def people():
    """Segments of six people, and their groups."""
    made = make_motion(96, n_subjects=6, n_timesteps=64, random_state=0)
    return made.X.astype(np.float32), made.groups


@pytest.fixture(scope="package")
def split_motion():
    """Training and test segments of different people: X, activity, targets and subject of each."""
    made = make_motion(240, n_subjects=6, n_timesteps=128, sampling_rate=50, random_state=0)
    targets = np.stack([made.speed, made.cadence], axis=1)
    parts = made.groups < 4, made.groups >= 4
    return [(made.X[p], made.y[p], targets[p], made.groups[p]) for p in parts]


@pytest.fixture(scope="package")
def sources(tmp_path_factory):
    """A folder with small files of all data sets."""
    folder = tmp_path_factory.mktemp("sources")
    save_all_tasks(folder)
    return folder


@pytest.fixture
def data(sources, tmp_path):
    """The small data sets, with a new cache."""
    from benchmarks.downstream.pretrained import Data

    return Data(sources, tmp_path / "cache")
