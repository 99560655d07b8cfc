import matplotlib
import pytest

from tests.support.reference import tiny_embedder

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def figures_closed():
    """Close the figures of each test, and fail if there were any before it."""
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
    yield plt
    plt.close("all")


@pytest.fixture
def plt(figures_closed):
    return figures_closed


@pytest.fixture(scope="session")
def embedder(motion):
    """A fitted embedder with its fitted distance; not to be changed."""
    X, _, subjects = motion
    return tiny_embedder().fit(X, groups=subjects)
