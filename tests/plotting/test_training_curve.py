"""TrainingCurveDisplay: losses of each epoch, and the epoch that was kept."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.frozen import FrozenEstimator

from relcon_sklearn.plotting import TrainingCurveDisplay
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder
from tests.support.reference import euclidean

HISTORY = [
    {"epoch": 1, "train_loss": 3.0, "valid_loss": 2.5},
    {"epoch": 2, "train_loss": 2.0, "valid_loss": 1.5},
    {"epoch": 3, "train_loss": 1.0, "valid_loss": 1.5},
    {"epoch": 4, "train_loss": 0.5, "valid_loss": 1.8},
]


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_losses_are_drawn_by_epoch():
    display = TrainingCurveDisplay.from_history(HISTORY, title="mine", loss_name="error")
    lines = display.lines_["mine"]
    for key in ("train_loss", "valid_loss"):
        expected = [(row["epoch"], row[key]) for row in HISTORY]
        np.testing.assert_array_equal(lines[key].get_xydata(), expected)
    assert display.ax_.get_title() == "mine"
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "error"


def test_the_default_name_of_losses():
    assert TrainingCurveDisplay.from_history(HISTORY).ax_.get_ylabel() == "loss"
    assert TrainingCurveDisplay(histories={"mine": HISTORY}).plot().ax_.get_ylabel() == "loss"


def test_the_first_epoch_of_the_lowest_validation_loss_is_marked():
    display = TrainingCurveDisplay.from_history(HISTORY)
    assert display.best_epochs_ == {"training": 2}
    assert texts(display.ax_) == ["training", "validation", "kept: epoch 2"]
    mark = display.ax_.lines[-1]
    np.testing.assert_array_equal(mark.get_xydata(), [(2, 1.5)])


def test_without_validation_the_last_epoch_is_marked():
    history = [{k: row[k] for k in ("epoch", "train_loss")} for row in HISTORY]
    display = TrainingCurveDisplay.from_history(history)
    assert display.best_epochs_ == {"training": 4}
    assert texts(display.ax_) == ["training", "kept: epoch 4"]


WITHOUT = [{"epoch": epoch, "train_loss": 0.4} for epoch in (5, 6)]


@pytest.mark.parametrize(
    ("history", "kept", "validated"),
    [
        pytest.param(HISTORY + WITHOUT, 6, [1, 2, 3, 4], id="validation first"),
        pytest.param(
            [{**row, "epoch": row["epoch"] - 6} for row in WITHOUT] + HISTORY,
            2,
            [1, 2, 3, 4],
            id="validation last",
        ),
        pytest.param(
            [HISTORY[1], *WITHOUT, {**HISTORY[3], "epoch": 7}], 7, [2, 7], id="validation twice"
        ),
    ],
)
def test_trainings_with_and_without_validation_are_joined(history, kept, validated):
    display = TrainingCurveDisplay.from_history(history)
    lines = display.lines_["training"]
    assert lines["train_loss"].get_xdata().tolist() == [row["epoch"] for row in history]
    assert lines["valid_loss"].get_xdata().tolist() == validated
    assert display.best_epochs_ == {"training": kept}
    record = next(row for row in history if row["epoch"] == kept)
    expected = (kept, record.get("valid_loss", record["train_loss"]))
    np.testing.assert_array_equal(display.ax_.lines[-1].get_xydata(), [expected])


def test_an_embedder_is_drawn_beside_its_distance(embedder):
    display = TrainingCurveDisplay.from_estimator(embedder)
    assert list(display.axes_) == ["motif distance", "encoder"]
    assert display.histories["encoder"] == embedder.history_
    assert display.histories["motif distance"] == embedder.distance_.history_
    labels = [ax.get_ylabel() for ax in display.axes_.values()]
    assert labels == ["mean distance from augmented copies", "mean loss of an anchor"]
    assert display.ax_ is display.axes_["encoder"]


def test_a_distance_alone_has_one_panel(embedder):
    for estimator in (embedder.distance_, FrozenEstimator(embedder.distance_)):
        assert list(TrainingCurveDisplay.from_estimator(estimator).axes_) == ["motif distance"]


def test_a_distance_that_was_not_learned_has_no_panel(motion):
    X, _, subjects = motion
    embedder = tiny_embedder(distance=euclidean, max_epochs=1).fit(X, groups=subjects)
    assert list(TrainingCurveDisplay.from_estimator(embedder).axes_) == ["encoder"]


def test_predictors_have_their_class_as_title(motion):
    X, y, subjects = motion
    classifier = tiny_classifier(max_epochs=2).fit(X, y, groups=subjects)
    display = TrainingCurveDisplay.from_estimator(classifier)
    assert display.ax_.get_title() == "RelConClassifier"
    assert display.ax_.get_ylabel() == "mean cross-entropy"


def test_panels_replace_given_axes(embedder, plt):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    display = TrainingCurveDisplay.from_estimator(embedder, ax=left, linewidth=3)
    assert display.figure_ is figure
    assert right.axison
    assert all(
        line.get_linewidth() == 3 for lines in display.lines_.values() for line in lines.values()
    )


def test_ticks_are_integers(plt):
    display = TrainingCurveDisplay.from_history(HISTORY[:2])
    display.figure_.canvas.draw()
    assert all(float(tick).is_integer() for tick in display.ax_.get_xticks())


def test_one_epoch_has_one_tick():
    display = TrainingCurveDisplay.from_history(HISTORY[:1])
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    assert [tick for tick in display.ax_.get_xticks() if low <= tick <= high] == [1]


@pytest.mark.parametrize(("n_epochs", "marker"), [(1, "o"), (30, "o"), (400, "")])
def test_many_epochs_are_a_line_without_markers(n_epochs, marker):
    history = [{"epoch": i + 1, "train_loss": 1 / (i + 1)} for i in range(n_epochs)]
    display = TrainingCurveDisplay.from_history(history)
    assert display.lines_["training"]["train_loss"].get_marker() == marker


def test_the_kept_epoch_is_visible_on_a_dark_background(plt):
    with plt.style.context("dark_background"):
        display = TrainingCurveDisplay.from_history(HISTORY)
    assert to_hex(display.ax_.lines[-1].get_markeredgecolor()) == "#ffffff"


def test_aliases_of_keywords_are_accepted():
    display = TrainingCurveDisplay.from_history(HISTORY, lw=3, ls="-.")
    assert {line.get_linewidth() for line in display.lines_["training"].values()} == {3}
    assert {line.get_linestyle() for line in display.lines_["training"].values()} == {"-."}


def test_names_of_losses_cannot_be_replaced(plt):
    with pytest.raises(ValueError, match="label='x' is not supported"):
        TrainingCurveDisplay.from_history(HISTORY, label="x")
    assert plt.get_fignums() == []


def test_a_training_of_no_epochs_is_refused(motion, plt):
    X, _, subjects = motion
    distance = tiny_distance(max_epochs=0).fit(X, groups=subjects)
    with pytest.raises(ValueError, match=r"motif distance is empty: nothing was trained"):
        TrainingCurveDisplay.from_estimator(distance)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([{"epoch": 1}], "needs epoch, train_loss"),
        ([{"epoch": 1, "train_loss": 1.0}, {"epoch": 2}], "in each record"),
        ([{"epoch": 1, "train_loss": float("nan")}], "not finite"),
    ],
)
def test_records_that_cannot_be_drawn_are_refused(history, message):
    with pytest.raises(ValueError, match=message):
        TrainingCurveDisplay.from_history(history)


def test_unfitted_estimators_are_refused():
    with pytest.raises(TypeError, match="has no history_; expected a fitted estimator"):
        TrainingCurveDisplay.from_estimator(tiny_distance())
