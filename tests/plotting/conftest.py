import matplotlib
import pytest

from tests.support.reference import tiny_embedder

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def figures_closed():
    """Close all figures after each test, and fail if there were any before it."""
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
    yield plt
    plt.close("all")


@pytest.fixture
def plt(figures_closed):
    return figures_closed


@pytest.fixture(scope="session")
def embedder(motion):
    """Return a fitted embedder with a fitted distance, which tests must not change."""
    X, _, subjects = motion
    return tiny_embedder().fit(X, groups=subjects)
