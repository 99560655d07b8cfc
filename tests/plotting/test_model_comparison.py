"""ModelComparisonDisplay: scores of models for each class."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, precision_score, recall_score

from relcon_sklearn.plotting import ModelComparisonDisplay
from tests.support.estimators import tiny_classifier

compare = ModelComparisonDisplay.from_predictions

Y = np.array(["lie", "lie", "run", "run", "sit", "sit", "sit", "sit"])
ONE = np.array(["lie", "sit", "run", "run", "sit", "lie", "lie", "sit"])
TWO = np.array(["lie", "lie", "sit", "run", "sit", "sit", "sit", "sit"])


@pytest.mark.parametrize(
    ("metric", "function", "name"),
    [
        ("f1", f1_score, "F1 score"),
        ("recall", recall_score, "recall"),
        ("precision", precision_score, "precision"),
    ],
)
def test_dots_are_the_scores_of_each_class_and_their_mean(metric, function, name):
    display = compare(Y, {"one": ONE, "two": TWO}, metric=metric)
    for model, predicted in {"one": ONE, "two": TWO}.items():
        scores = function(Y, predicted, average=None)[display.order_]
        expected = [*scores, function(Y, predicted, average="macro")]
        np.testing.assert_allclose(display.dots_[model].get_xdata(), expected)
    assert display.ax_.get_xlabel() == name


def test_rows_are_sorted_by_the_gain():
    display = compare(Y, {"one": ONE, "two": TWO}, metric="recall")
    # Recalls: lie 0.5 to 1, run 1 to 0.5, sit 0.5 to 1.
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["lie (n=2)", "sit (n=4)", "run (n=2)", "mean"]
    assert [text.get_text() for text in display.texts_] == [
        "+0.50",
        "+0.50",
        "\N{MINUS SIGN}0.50",
        "+0.17",
    ]
    ticks = display.ax_.get_yticks()
    np.testing.assert_array_equal(display.dots_["one"].get_ydata(), ticks)
    # The first row is at the top.
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
    assert all(np.diff(ticks) > 0)


def test_a_gain_that_rounds_to_zero_has_no_sign():
    many = np.repeat(Y, 200)
    almost = many.copy()
    almost[0] = "sit"
    display = compare(many, {"one": many, "two": almost})
    assert {text.get_text() for text in display.texts_} == {"0.00"}


@pytest.mark.parametrize(
    ("scale", "gains"),
    [
        (0.01, ["+0.0010", "\N{MINUS SIGN}0.0010", "0.0000"]),
        (1, ["+0.10", "\N{MINUS SIGN}0.10", "0.00"]),
        (100, ["+10.0", "\N{MINUS SIGN}10.0", "0.0"]),
        (10_000, ["+1000", "\N{MINUS SIGN}1000", "0"]),
    ],
)
def test_digits_of_gains_depend_on_the_scores(scale, gains):
    scores = {"one": scale * np.array([0.8, 0.7]), "two": scale * np.array([0.9, 0.6])}
    display = ModelComparisonDisplay(scores=scores, classes=["a", "b"]).plot()
    assert [text.get_text() for text in display.texts_] == gains


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(value, plt):
    display = ModelComparisonDisplay(
        scores={"one": [0.8, 0.7], "two": [0.9, value]}, classes=["a", "b"]
    )
    with pytest.raises(
        ValueError, match=rf"scores\['two'\] is {value} for class b. Remove classes"
    ):
        display.plot()
    assert plt.get_fignums() == []


def boxes(display, *artists):
    display.figure_.canvas.draw()
    return [artist.get_window_extent() for artist in artists]


@pytest.mark.parametrize("n_classes", [2, 20])
@pytest.mark.parametrize("class_name", ["{}", "activity of daily living number {}"])
@pytest.mark.parametrize(
    "models",
    [
        ["features", "RelCon"],
        ["features made manually", "RelCon pretrained on everything"],
        ["same network, untrained", "RelCon, pretrained on 28 people", "RelCon and features"],
        [f"a model with a long name {i}" for i in range(6)],
    ],
)
def test_names_of_any_length_fit(n_classes, class_name, models, recwarn):
    rng = np.random.default_rng(0)
    display = ModelComparisonDisplay(
        scores={name: rng.uniform(size=n_classes) for name in models},
        classes=[class_name.format(i) for i in range(n_classes)],
        supports=np.full(n_classes, 100),
    ).plot()
    ax, legend = display.ax_, display.ax_.get_legend()
    panel, key, label = boxes(display, ax, legend, ax.xaxis.label)
    assert len(recwarn) == 0
    figure = display.figure_.bbox
    assert panel.width > 3.5 * display.figure_.dpi
    assert all(name.get_window_extent().x0 >= 0 for name in ax.get_yticklabels())
    assert [text.get_text() for text in legend.get_texts()] == models
    assert figure.x0 <= key.x0 < key.x1 <= figure.x1
    assert 0 <= key.y0 < key.y1 <= label.y0
    dots = np.vstack([dots.get_xydata() for dots in display.dots_.values()])
    rightmost = ax.transData.transform(dots)[:, 0].max()
    gains = [text.get_window_extent() for text in display.texts_]
    assert all(rightmost + 5 < gain.x0 < gain.x1 <= figure.x1 for gain in gains)


def test_a_title_covers_nothing():
    display = compare(Y, {"one": ONE, "two": TWO})
    display.ax_.set_title("People of the test set")
    title, legend = boxes(display, display.ax_.title, display.ax_.get_legend())
    assert not title.overlaps(legend)
    assert not any(title.overlaps(text.get_window_extent()) for text in display.ax_.texts)


def test_aliases_of_keywords_are_accepted(plt):
    display = compare(Y, {"one": ONE, "two": TWO}, ms=3)
    assert display.dots_["one"].get_markersize() == 3
    plt.close("all")
    with pytest.raises(ValueError, match="label='mine' is not supported"):
        compare(Y, {"one": ONE, "two": TWO}, label="mine")
    assert plt.get_fignums() == []


def test_axes_without_a_layout_cause_a_warning(plt):
    _, ax = plt.subplots()
    with pytest.warns(UserWarning, match='Create it with layout="constrained"'):
        compare(Y, {"one": ONE, "two": TWO}, ax=ax)


def test_lines_span_the_scores_of_a_row():
    display = compare(Y, {"one": ONE, "two": TWO}, metric="recall")
    for segment, one, two in zip(
        display.spans_.get_segments(),
        display.dots_["one"].get_xydata(),
        display.dots_["two"].get_xydata(),
        strict=True,
    ):
        np.testing.assert_allclose(segment[:, 0], sorted([one[0], two[0]]))
        np.testing.assert_allclose(segment[:, 1], one[1])


def test_several_models_have_no_gains_and_are_sorted_by_the_mean():
    display = compare(Y, {"one": ONE, "two": TWO, "perfect": Y}, metric="recall")
    assert display.texts_ == []
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "one",
        "two",
        "perfect",
    ]
    assert list(display.order_) == [0, 1, 2]
    looks = {(dots.get_color(), dots.get_marker()) for dots in display.dots_.values()}
    assert len(looks) == 3


def test_classes_that_are_only_predicted_have_no_row():
    display = compare(Y, {"one": np.full(8, "fly"), "two": TWO})
    assert sorted(display.classes) == ["lie", "run", "sit"]
    np.testing.assert_array_equal(display.dots_["one"].get_xdata(), np.zeros(4))


def test_classifiers_predict(motion, plt):
    X, y, subjects = motion
    models = {
        "most frequent": DummyClassifier().fit(X[:, 0], y),
        "network": tiny_classifier(max_epochs=1).fit(X, y, groups=subjects),
    }
    models["most frequent"].predict = lambda X: np.full(len(X), y[0])
    figure, ax = plt.subplots(layout="constrained")
    display = ModelComparisonDisplay.from_estimators(models, X, y, ax=ax, markersize=3)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.dots_["network"].get_markersize() == 3
    expected = f1_score(y, models["network"].predict(X), average="macro")
    assert display.dots_["network"].get_xdata()[-1] == pytest.approx(expected)


def test_scores_may_be_given():
    display = ModelComparisonDisplay(
        scores={"one": [0.1, 0.2], "two": [0.3, 0.9]}, classes=["a", "b"]
    ).plot()
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["b", "a", "mean"]
    assert display.ax_.get_xlabel() == "score"


@pytest.mark.parametrize(
    ("predictions", "metric", "message"),
    [
        ({"one": ONE}, "f1", "predictions must be a dict of at least two models.* of 1"),
        ([ONE, TWO], "f1", "dict of at least two models"),
        (
            {"one": ONE, "two": TWO[:3]},
            "f1",
            r"predictions\['two'\] has 3 entries, but y_true has 8",
        ),
        (
            {"one": ONE, "two": [*TWO[:6], None, "sit"]},
            "f1",
            r"predictions\['two'\] contains NaN or infinity: first in row 6 \(None\)",
        ),
        ({"one": ONE, "two": TWO}, "kappa", "metric='kappa'; expected one of"),
    ],
)
def test_invalid_predictions_are_refused(predictions, metric, message, plt):
    with pytest.raises(ValueError, match=message):
        compare(Y, predictions, metric=metric)
    assert plt.get_fignums() == []


def test_missing_classes_are_refused():
    y = np.where(Y == "run", None, Y)
    with pytest.raises(ValueError, match=r"y_true contains NaN or infinity: first in row 2"):
        compare(y, {"one": ONE, "two": TWO})


def test_too_few_scores_are_refused():
    with pytest.raises(ValueError, match="one score for each of the 3 classes"):
        ModelComparisonDisplay(scores={"a": [1, 2], "b": [1, 2]}, classes=list("xyz")).plot()
