"""Fits and transforms leave nothing behind.

benchmarks/reliability/bench_leaks.py measures the same with many more repetitions.
"""

import ctypes
import gc
import os
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Few, large steps: a fit must hold much memory and take little time.
QUICK = {"max_epochs": 1, "batch_size": 256}


def quick_distance(**kwargs):
    return tiny_distance(**QUICK, embed_dim=4, n_layers=0, n_references=1, **kwargs)


MAKERS = {
    "distance": quick_distance,
    "embedder": lambda **kwargs: tiny_embedder(
        **QUICK, distance=quick_distance(), n_within=1, n_between=1, **kwargs
    ),
    "classifier": lambda **kwargs: tiny_classifier(**QUICK, **kwargs),
    "regressor": lambda **kwargs: tiny_regressor(**QUICK, **kwargs),
}
N_FITS = 6
BY_NAME = pytest.mark.parametrize("name", MAKERS)


def random_segments(n):
    X = np.random.default_rng(0).normal(size=(n, 64, 3))
    return X, np.arange(n) % 2, np.arange(n) // 16


def use(fitted, X):
    return fitted.transform(X) if hasattr(fitted, "transform") else fitted.predict(X)


@pytest.fixture(scope="module", autouse=True)
def warm_up():
    """Use all estimators once, since torch and numba import and compile at the first use.

    The objects that exist afterwards are frozen: the collector neither visits nor counts them,
    which saves a second each time.
    """
    X, y, groups = random_segments(32)
    for make in MAKERS.values():
        use(make().fit(X, y, groups=groups), X)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def no_collector():
    """Turn off the collector, so that only reference counting releases objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive():
    """Count the package's objects, torch's modules and tensors, threads and files."""
    gc.collect()
    # isinstance() would query lazy proxies of other packages, which then import their modules.
    kinds = [type(o) for o in gc.get_objects()]
    return {
        "ours": sum(str(kind.__module__).startswith("relcon_sklearn") for kind in kinds),
        "modules": sum(issubclass(kind, nn.Module) for kind in kinds),
        "tensors": sum(issubclass(kind, torch.Tensor) for kind in kinds),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0,
    }


def resident():
    """Return the resident memory in MB, without freed memory that the C library keeps."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@BY_NAME
@pytest.mark.usefixtures("no_collector")
def test_a_fitted_model_does_not_keep_its_data(name):
    X, y, groups = random_segments(64)
    kept = weakref.ref(X)
    fitted = MAKERS[name]().fit(X, y, groups=groups)
    del X
    assert kept() is None
    assert fitted.history_


@BY_NAME
@pytest.mark.usefixtures("no_collector")
def test_a_model_is_released_with_its_last_reference(name):
    X, y, groups = random_segments(64)
    fitted = MAKERS[name]().fit(X, y, groups=groups)
    use(fitted, X)
    modules = [value for value in vars(fitted).values() if isinstance(value, nn.Module)]
    kept = [weakref.ref(fitted), *(weakref.ref(module) for module in modules)]
    assert len(kept) > 1
    del fitted, modules
    assert [reference() for reference in kept] == [None] * len(kept)


@BY_NAME
def test_counts_after_many_fits(name, tmp_path):
    X, y, groups = random_segments(64)
    before = alive()
    for i in range(N_FITS):
        MAKERS[name](checkpoint_dir=tmp_path / str(i)).fit(X, y, groups=groups)
    assert alive() == before


@BY_NAME
def test_counts_after_many_uses(name):
    X, y, groups = random_segments(64)
    fitted = MAKERS[name]().fit(X, y, groups=groups)
    use(fitted, X)
    before = alive()
    for i in range(100):
        use(fitted, X[i % 8 : i % 8 + 8])
    assert alive() == before


@linux
@BY_NAME
def test_memory_after_many_fits(name):
    X, y, groups = random_segments(512)
    for i in range(2 + N_FITS):
        if i == 2:  # the allocators have reached their size
            before = resident()
        # The segments are a view of a larger array of 6 MB, which a leak would keep too.
        MAKERS[name]().fit(np.tile(X, (1, 8, 1))[:, :64], y, groups=groups)
    assert resident() - before < 3 * 6


@linux
@BY_NAME
def test_memory_after_many_uses(name):
    X, y, groups = random_segments(64)
    fitted = MAKERS[name]().fit(X, y, groups=groups)
    use(fitted, X)
    before = resident()
    for _ in range(60):
        use(fitted, np.tile(X, (1, 8, 1))[:, :64])  # 0.8 MB
    assert resident() - before < 30 * 0.8
