"""EmbeddingMapDisplay: points of embeddings, coloured by class, group or number."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from relcon_sklearn.plotting import EmbeddingMapDisplay
from relcon_sklearn.plotting._style import PALETTE


@pytest.fixture
def Z():
    return np.random.default_rng(0).normal(size=(60, 5)) * [5, 3, 1, 1, 1]


def points(display, panel=0):
    """All points of a panel, with their colours, in the order of the positions."""
    offsets = np.vstack([np.asarray(s.get_offsets()) for s in display.scatters_[panel]])
    colours = np.vstack([s.get_facecolors()[:, :3] for s in display.scatters_[panel]])
    positions = np.asarray(display.positions)
    rows = [int(np.flatnonzero((positions == offset).all(axis=1))[0]) for offset in offsets]
    assert sorted(rows) == list(range(len(positions)))
    return positions[np.argsort(rows)], colours[np.argsort(rows)]


def test_positions_are_the_first_principal_components(Z):
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 3)
    np.testing.assert_allclose(display.positions, PCA(2).fit_transform(Z))
    ratios = PCA(2).fit(Z).explained_variance_ratio_
    assert display.ax_.get_xlabel() == f"component 1 ({100 * ratios[0]:.0f} % of variance)"
    assert display.ax_.get_ylabel() == f"component 2 ({100 * ratios[1]:.0f} % of variance)"


def test_each_class_has_its_colour(Z):
    labels = np.array(["walking", "lying", "running"])[np.arange(60) % 3]
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, label_name="activity")
    _, colours = points(display)
    for i, name in enumerate(["lying", "running", "walking"]):
        np.testing.assert_allclose(colours[labels == name], [to_rgb(PALETTE[i])] * 20)
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["lying", "running", "walking"]
    assert legend.get_title().get_text() == "activity"
    assert display.ax_.get_title() == "by activity"
    assert display.colorbar_ is None


def test_points_are_not_drawn_class_by_class(Z):
    labels = np.repeat([0, 1], 30)
    display = EmbeddingMapDisplay.from_embeddings(Z, labels)
    colours = display.scatters_[0][0].get_facecolors()[:, :3]
    last = np.isclose(colours, to_rgb(PALETTE[1])).all(axis=1)[30:]
    assert 5 < last.sum() < 25


def test_groups_have_a_panel_of_their_own(Z):
    labels, groups = np.arange(60) % 3, np.arange(60) // 15
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, groups=groups, label_name="activity")
    assert [ax.get_title() for ax in display.axes_] == ["by activity", "by subject"]
    for panel, values in enumerate((labels, groups)):
        _, colours = points(display, panel)
        np.testing.assert_allclose(colours, [to_rgb(PALETTE[v]) for v in values])


def test_numbers_have_a_colour_bar(Z):
    speed = np.linspace(0.5, 2.0, 60)
    display = EmbeddingMapDisplay.from_embeddings(Z, speed, label_name="speed (m/s)")
    (scatter,) = display.scatters_[0]
    assert display.colorbar_.ax.get_ylabel() == "speed (m/s)"
    assert display.ax_.get_title() == "by speed"
    offsets = np.asarray(scatter.get_offsets())
    for offset, value in zip(offsets, scatter.get_array(), strict=True):
        row = np.flatnonzero((display.positions == offset).all(axis=1)).item()
        assert value == speed[row]
    assert scatter.get_cmap().name == "cividis"
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("labels", [np.arange(60) % 12, (np.arange(60) % 4).astype(float)])
def test_few_values_are_classes_even_if_they_are_numbers(Z, labels):
    display = EmbeddingMapDisplay.from_embeddings(Z, labels)
    assert display.colorbar_ is None
    assert len(display.ax_.get_legend().get_texts()) == len(np.unique(labels))


def test_more_classes_than_colours_have_other_markers(Z):
    labels = np.arange(60) % 10
    display = EmbeddingMapDisplay.from_embeddings(Z, labels)
    assert len(display.scatters_[0]) == 2
    assert [len(s.get_offsets()) for s in display.scatters_[0]] == [48, 12]
    handles = display.ax_.get_legend().legend_handles
    looks = {(handle.get_color(), handle.get_marker()) for handle in handles}
    assert len(looks) == 10


def test_a_legend_that_nobody_would_read_is_left_out(Z):
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60), label_name="person")
    assert display.ax_.get_legend() is None
    assert display.ax_.get_title() == "by person (60, colours repeat)"


def test_embeddings_are_those_of_the_estimator(embedder, motion):
    X, y, subjects = motion
    display = EmbeddingMapDisplay.from_estimator(embedder, X, y, groups=subjects)
    np.testing.assert_allclose(
        display.positions,
        PCA(2, random_state=0).fit_transform(embedder.transform(X)),
        atol=1e-5,
    )
    assert len(display.axes_) == 2


def test_another_transformer_makes_the_map(Z):
    transformer = TSNE(init="random", perplexity=5, max_iter=250, random_state=0)
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 3, transformer=transformer)
    np.testing.assert_array_equal(display.positions, transformer.embedding_)
    assert display.ax_.get_xlabel() == "t-SNE 1"


def test_it_is_drawn_in_the_place_of_given_axes(Z, plt):
    figure, axes = plt.subplots(1, 2)
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 3, ax=axes[1], s=7, alpha=1)
    assert display.figure_ is figure
    assert display.scatters_[0][0].get_sizes() == [7]
    assert display.scatters_[0][0].get_alpha() == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(59), "labels has 59 entries, but there are 60"),
        (np.full(60, np.nan), "labels contains NaN"),
        (np.zeros((60, 2)), "1d array"),
    ],
)
def test_labels_that_do_not_fit_are_refused(Z, labels, message, plt):
    with pytest.raises(ValueError, match=message):
        EmbeddingMapDisplay.from_embeddings(Z, labels)
    assert plt.get_fignums() == []


def test_groups_that_do_not_fit_are_refused(Z):
    with pytest.raises(ValueError, match="groups has 3 entries"):
        EmbeddingMapDisplay.from_embeddings(Z, np.zeros(60), groups=[1, 2, 3])


def test_embeddings_that_have_no_map_are_refused(Z):
    with pytest.raises(ValueError, match=r"shape \(60, 1\); expected \(60, 2\)"):
        EmbeddingMapDisplay.from_embeddings(Z[:, :1], np.zeros(60))
    with pytest.raises(ValueError, match="n_components=2"):
        EmbeddingMapDisplay.from_embeddings(Z, np.zeros(60), transformer=PCA(3))
    with pytest.raises(ValueError, match="Z contains NaN"):
        EmbeddingMapDisplay.from_embeddings(np.full((4, 3), np.nan), np.zeros(4))
