"""ModelComparisonDisplay: scores of models, class by class."""

import numpy as np
import pytest
from reference import tiny_classifier
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, precision_score, recall_score

from relcon_sklearn.plotting import ModelComparisonDisplay

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


def test_rows_are_in_order_of_the_gain():
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
    # The first is at the top.
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
    assert all(np.diff(ticks) > 0)


def test_a_gain_that_rounds_to_nothing_has_no_sign():
    many = np.repeat(Y, 200)
    almost = many.copy()
    almost[0] = "sit"
    display = compare(many, {"one": many, "two": almost})
    assert {text.get_text() for text in display.texts_} == {"0.00"}


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


def test_several_models_have_no_gain_and_stand_in_order_of_their_mean():
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
    figure, ax = plt.subplots()
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
        ({"one": ONE}, "f1", "predictions has to be a dict of two models or more.* of 1"),
        ([ONE, TWO], "f1", "dict of two models or more"),
        ({"one": ONE, "two": TWO[:3]}, "f1", r"predictions\['two'\] has 3 entries, but y_true 8"),
        ({"one": ONE, "two": TWO}, "kappa", "metric='kappa'; expected one of"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(predictions, metric, message, plt):
    with pytest.raises(ValueError, match=message):
        compare(Y, predictions, metric=metric)
    assert plt.get_fignums() == []


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one for each of the 3 classes"):
        ModelComparisonDisplay(scores={"a": [1, 2], "b": [1, 2]}, classes=list("xyz")).plot()
