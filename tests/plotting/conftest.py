import matplotlib
import pytest

from tests.support.estimators import tiny_embedder

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def figures_closed():
    """Close all figures before each test, as examples in docstrings leave theirs, and after it."""
    import matplotlib.pyplot as plt

    plt.close("all")
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
