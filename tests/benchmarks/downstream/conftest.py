from types import SimpleNamespace

import numpy as np
import pytest

from relcon_sklearn.datasets import make_motion
from relcon_sklearn.nn import ResNet1D
from relcon_sklearn.nn._presets import ENCODER_PRESETS, EncoderPreset
from tests.support.benchmark_data import save_all_tasks, save_pool
from tests.support.clock import Ticks
from tests.support.downstream_cells import fake_costs, fake_record


@pytest.fixture
def ticks(monkeypatch):
    """Count readings of the clock instead of seconds, and train small encoders."""
    from benchmarks.downstream import objectives

    monkeypatch.setattr(objectives, "time", SimpleNamespace(process_time=Ticks()))
    tiny = {"n_blocks": (1,), "widths": (8,), "kernel_sizes": (3,), "readout": "mean_sd"}
    monkeypatch.setitem(ENCODER_PRESETS, "resnet14-half", EncoderPreset(ResNet1D, tiny))


@pytest.fixture(scope="package")
def people():
    """Segments of six people of two data sets, and their groups."""
    made = make_motion(96, n_subjects=6, n_timesteps=64, random_state=0)
    groups = np.array([f"{'one' if g < 3 else 'two'}/{g}" for g in made.groups])
    return made.X.astype(np.float32), groups


@pytest.fixture(scope="package")
def split_motion():
    """Training and test segments of different people: X, activity, targets and subject of each."""
    made = make_motion(240, n_subjects=6, n_timesteps=128, sampling_rate=50, random_state=0)
    targets = np.stack([made.speed, made.cadence], axis=1)
    parts = made.groups < 4, made.groups >= 4
    return [(made.X[p], made.y[p], targets[p], made.groups[p]) for p in parts]


@pytest.fixture(scope="package")
def sources(tmp_path_factory):
    """Folders with small files of the tasks and of the pool."""
    folder, pool = (tmp_path_factory.mktemp(name) for name in ("tasks", "pool"))
    save_all_tasks(folder, pool)
    save_pool(pool)
    return folder, pool


@pytest.fixture
def data(sources, tmp_path):
    """The small data sets, with a new cache."""
    from benchmarks.downstream.pretrained import Data

    return Data(*sources, tmp_path / "cache")


@pytest.fixture(scope="package")
def cells():
    """Artificial results of the complete plan."""
    from benchmarks.downstream.plan import DownstreamSettings, plan_cells

    planned = [cell for stage in plan_cells(DownstreamSettings()) for cell in stage]
    return {cell: fake_record(cell) for cell in planned} | fake_costs()
