import gc

import hypothesis
import numpy as np
import pytest
import torch

from relcon_sklearn.datasets import make_motion
from tests.support.paths import PULSE_PPG, SHARED, VECTORS

# The models of the tests are too small to gain from threads, and slow if threads compete for cores.
torch.set_num_threads(1)

for name, max_examples in (("default", 50), ("slow", 125)):
    hypothesis.settings.register_profile(
        f"repeatable, {name}",
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=max_examples,
    )
hypothesis.settings.load_profile("repeatable, default")


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="also run the full cases of slow tests")


def pytest_configure(config):
    if config.getoption("--runslow"):
        hypothesis.settings.load_profile("repeatable, slow")


def pytest_collection_modifyitems(config, items):
    skips = {}
    if not torch.cuda.is_available():
        skips["cuda"] = pytest.mark.skip(reason="needs a GPU")
    if not config.getoption("--runslow"):
        skips["slow"] = pytest.mark.skip(reason="takes long; run with --runslow")
    for item in items:
        for name in skips.keys() & {marker.name for marker in item.iter_markers()}:
            item.add_marker(skips[name])


def pytest_collection_finish(session):
    """Freeze all imported objects, which would add a second to every full garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def vectors():
    """Return numbers of the released networks, as tensors (see tests/data/README.md)."""
    with np.load(VECTORS) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="session")
def full_vectors():
    """Return the same for the full-size encoder, 14 MB, if the maintainers' folder exists."""
    return maintainers_vectors("relcon_reference_vectors.npz")


@pytest.fixture(scope="session")
def pulse_ppg():
    """Return weights, input and output of a small Pulse-PPG encoder (see tests/data/README.md)."""
    with np.load(PULSE_PPG) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="session")
def full_pulse_ppg():
    """Return the same for a larger encoder, computed by the released network, 1.7 MB."""
    return maintainers_vectors("pulseppg_reference_vectors.npz")


def maintainers_vectors(name):
    path = SHARED / "parity" / name
    if not path.is_file():
        pytest.skip(f"{path} does not exist. Maintainers have it, and users do not need it")
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="session")
def motion():
    """Return small generated data: X (90, 64, 3), activities, subjects."""
    X, y, subjects, *_ = make_motion(90, n_subjects=6, n_timesteps=64, random_state=0)
    return X, y, subjects


@pytest.fixture(autouse=True)
def same_weights_every_time():
    """Seed torch's global generator, from which modules made in a test draw their weights."""
    torch.manual_seed(0)


@pytest.fixture
def global_rng_untouched(same_weights_every_time):
    """Fail if the test drew from a global generator."""
    torch_state = torch.get_rng_state()
    with np.printoptions(threshold=np.inf):
        numpy_state = repr(np.random.get_state(legacy=False))  # noqa: NPY002
        yield
        assert repr(np.random.get_state(legacy=False)) == numpy_state  # noqa: NPY002
    assert torch.equal(torch_state, torch.get_rng_state())
