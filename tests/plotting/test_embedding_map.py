"""EmbeddingMapDisplay: points of embeddings, coloured by class, group or number."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.markers import MarkerStyle
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from relcon_sklearn.plotting import EmbeddingMapDisplay
from relcon_sklearn.plotting._style import PALETTE


@pytest.fixture
def Z():
    return np.random.default_rng(0).normal(size=(60, 5)) * [5, 3, 1, 1, 1]


def points(display, panel=0):
    """Return the points of a panel and their colours, in the order of the positions."""
    offsets = np.asarray(display.scatters_[panel].get_offsets())
    colours = display.scatters_[panel].get_facecolors()[:, :3]
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
    colours = display.scatters_[0].get_facecolors()[:, :3]
    last = np.isclose(colours, to_rgb(PALETTE[1])).all(axis=1)[30:]
    assert 5 < last.sum() < 25


def test_groups_have_a_separate_panel(Z):
    labels, groups = np.arange(60) % 3, np.arange(60) // 15
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, groups=groups, label_name="activity")
    assert [ax.get_title() for ax in display.axes_] == ["by activity", "by subject"]
    for panel, values in enumerate((labels, groups)):
        _, colours = points(display, panel)
        np.testing.assert_allclose(colours, [to_rgb(PALETTE[v]) for v in values])


def test_numbers_have_a_colour_bar(Z):
    speed = np.linspace(0.5, 2.0, 60)
    display = EmbeddingMapDisplay.from_embeddings(Z, speed, label_name="speed (m/s)")
    (scatter,) = display.scatters_
    assert display.colorbar_.ax.get_ylabel() == "speed (m/s)"
    assert display.ax_.get_title() == "by speed"
    offsets = np.asarray(scatter.get_offsets())
    for offset, value in zip(offsets, scatter.get_array(), strict=True):
        row = np.flatnonzero((display.positions == offset).all(axis=1)).item()
        assert value == speed[row]
    assert scatter.get_cmap().name == "cividis"
    assert display.ax_.get_legend() is None


def test_many_integers_have_a_colour_bar_only_as_labels(Z):
    ages = np.arange(60) // 2 + 20
    display = EmbeddingMapDisplay.from_embeddings(Z, ages, groups=ages, label_name="age (years)")
    assert display.colorbar_.ax.get_ylabel() == "age (years)"
    assert [ax.get_title() for ax in display.axes_] == [
        "by age",
        "by subject (30, colours repeat)",
    ]


def test_keywords_for_numbers_do_not_apply_to_groups(Z, recwarn):
    display = EmbeddingMapDisplay.from_embeddings(
        Z, np.linspace(0, 1, 60), groups=np.arange(60) % 3, cmap="viridis", vmax=2
    )
    assert display.scatters_[0].get_cmap().name == "viridis"
    assert display.scatters_[0].norm.vmax == 2
    assert len(recwarn) == 0


@pytest.mark.parametrize("labels", [np.arange(60) % 3, np.linspace(0, 1, 60)])
@pytest.mark.parametrize("keyword", ["lw", "linewidth", "linewidths"])
def test_aliases_of_keywords_are_accepted(Z, labels, keyword):
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, **{keyword: 2})
    assert list(display.scatters_[0].get_linewidths()) == [2]


@pytest.mark.parametrize("labels", [np.arange(60) % 3, np.linspace(0, 1, 60)])
@pytest.mark.parametrize("keyword", ["c", "color", "facecolor", "facecolors", "fc"])
def test_colours_cannot_be_replaced(Z, labels, keyword, plt):
    with pytest.raises(ValueError, match="colours show the labels"):
        EmbeddingMapDisplay.from_embeddings(Z, labels, **{keyword: "k"})
    assert plt.get_fignums() == []


@pytest.mark.parametrize("marker", ["x", "s"])
def test_the_legend_has_the_marker_of_the_points(Z, marker, recwarn):
    labels = np.arange(60) % 3
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, marker=marker)
    handles = display.ax_.get_legend().legend_handles
    assert {handle.get_marker() for handle in handles} == {marker}
    (points,) = display.scatters_
    colours = {tuple(colour[:3]) for colour in points.get_facecolors()}
    assert colours == {to_rgb(PALETTE[i]) for i in range(3)}
    assert len(recwarn) == 0


def test_with_one_marker_colours_repeat(Z):
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 10, marker="s")
    assert len(display.scatters_[0].get_paths()) == 1
    assert display.ax_.get_title() == "by class (10, colours repeat)"


def test_all_classes_are_visible_on_a_dark_background(Z, plt):
    with plt.style.context("dark_background"):
        display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 8)
    _, colours = points(display)
    assert not (colours == 0).all(axis=1).any()
    np.testing.assert_array_equal(colours[6], [1, 1, 1])
    assert to_rgb(display.ax_.get_legend().legend_handles[6].get_color()) == (1, 1, 1)


@pytest.mark.parametrize("n_classes", [4, 20])
@pytest.mark.parametrize(
    "name", ["class {}", "walking upstairs {}", "an activity of daily living as annotated, {}"]
)
def test_names_of_classes_leave_room_for_the_map(Z, n_classes, name):
    labels = [name.format(i % n_classes) for i in range(60)]
    display = EmbeddingMapDisplay.from_embeddings(Z, labels, groups=np.arange(60) % 3)
    display.figure_.canvas.draw()
    width = display.ax_.get_window_extent().width / display.figure_.dpi
    height = display.ax_.get_window_extent().height / display.figure_.dpi
    assert width > 3.5
    assert height > 3.2
    box, figure = display.ax_.get_legend().get_window_extent(), display.figure_.bbox
    assert figure.x0 <= box.x0 < box.x1 <= figure.x1
    assert figure.y0 <= box.y0 < box.y1 <= figure.y1
    assert not any(box.overlaps(ax.get_window_extent()) for ax in display.axes_)


def test_the_legend_of_narrow_axes_is_below(Z, plt):
    _, axes = plt.subplots(1, 3, figsize=(10, 5), layout="constrained")
    for ax in axes:
        display = EmbeddingMapDisplay.from_embeddings(
            Z, [f"walking upstairs {i % 4}" for i in range(60)], ax=ax
        )
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    assert box.y1 < display.ax_.get_window_extent().y0
    assert box.y0 >= 0


@pytest.mark.parametrize("labels", [np.arange(60) % 12, (np.arange(60) % 4).astype(float)])
def test_few_distinct_numbers_are_classes(Z, labels):
    display = EmbeddingMapDisplay.from_embeddings(Z, labels)
    assert display.colorbar_ is None
    assert len(display.ax_.get_legend().get_texts()) == len(np.unique(labels))


def test_each_class_has_its_marker_too(Z):
    """To people with a red-green deficiency, some pairs of colours are almost the same."""
    labels = np.arange(60) % 8
    display = EmbeddingMapDisplay.from_embeddings(Z, labels)
    markers = [handle.get_marker() for handle in display.ax_.get_legend().legend_handles]
    assert len(set(markers)) == 8
    (scatter,) = display.scatters_
    paths = {marker: MarkerStyle(marker) for marker in markers}
    for offset, path in zip(scatter.get_offsets(), scatter.get_paths(), strict=True):
        row = np.flatnonzero((display.positions == offset).all(axis=1)).item()
        style = paths[markers[labels[row]]]
        expected = style.get_path().transformed(style.get_transform())
        np.testing.assert_array_equal(path.vertices, expected.vertices)


def test_more_classes_than_colours_look_different(Z):
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 24)
    handles = display.ax_.get_legend().legend_handles
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == 24


def test_too_many_classes_have_no_legend(Z):
    people = np.arange(60).astype(str)
    display = EmbeddingMapDisplay.from_embeddings(Z, people, label_name="person")
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


def test_panels_replace_given_axes(Z, plt):
    figure, axes = plt.subplots(1, 2, layout="constrained")
    display = EmbeddingMapDisplay.from_embeddings(Z, np.arange(60) % 3, ax=axes[1], s=7, alpha=1)
    assert display.figure_ is figure
    assert display.scatters_[0].get_sizes() == [7]
    assert display.scatters_[0].get_alpha() == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(59), "labels has 59 entries, but there are 60"),
        (np.full(60, np.nan), "labels contains NaN"),
        (np.zeros((60, 2)), r"labels has shape \(60, 2\); expected a 1d array"),
        (None, "labels is None; expected one entry for each of the 60 embeddings"),
        (5, "labels has shape"),
        ([None, *["walk"] * 59], "labels contains 1 missing values"),
        (np.array([np.nan, np.nan, *["walk"] * 58], dtype=object), "labels contains 2 missing"),
        (np.array([1, *["walk"] * 59], dtype=object), r"values of types \['int', 'str'\]"),
    ],
)
def test_invalid_labels_are_refused(Z, labels, message, plt):
    with pytest.raises(ValueError, match=message):
        EmbeddingMapDisplay.from_embeddings(Z, labels)
    assert plt.get_fignums() == []


def test_invalid_groups_are_refused(Z):
    with pytest.raises(ValueError, match="groups has 3 entries"):
        EmbeddingMapDisplay.from_embeddings(Z, np.zeros(60), groups=[1, 2, 3])


def test_labels_are_checked_before_the_map_is_computed(Z):
    transformer = PCA(2)
    with pytest.raises(ValueError, match="labels has 3 entries"):
        EmbeddingMapDisplay.from_embeddings(Z, [1, 2, 3], transformer=transformer)
    assert not hasattr(transformer, "components_")


def test_embeddings_without_a_map_are_refused(Z):
    with pytest.raises(ValueError, match=r"shape \(60, 1\); expected \(60, 2\)"):
        EmbeddingMapDisplay.from_embeddings(Z[:, :1], np.zeros(60))
    with pytest.raises(ValueError, match="n_components=2"):
        EmbeddingMapDisplay.from_embeddings(Z, np.zeros(60), transformer=PCA(3))
    with pytest.raises(ValueError, match="Z contains NaN"):
        EmbeddingMapDisplay.from_embeddings(np.full((4, 3), np.nan), np.zeros(4))
