"""predict_timeline: what a model says about each step of a recording of days."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import (
    Interval,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils.validation import check_is_fitted

from .._recordings import segment_recordings
from .._recordings._blocks import PlacedWindows, place_windows_in
from .._recordings._like import only_length, training_layout
from .._recordings._nonwear import BLOCK
from .._recordings._window_layout import Layout, lay_out
from .._utils._warnings import warn
from ._smoothing import most_frequent, running_median
from ._transitions import Transitions, in_order_of
from ._viterbi import most_likely_labels
from ._votes import Steps, count_votes

_LONG_HOLE = timedelta(days=30)

# Of segment_recordings, what place_windows_in takes, except for `nonwear`.
_PASSED_ON = [
    name
    for name, parameter in inspect.signature(place_windows_in).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != "nonwear"
]


@validate_params(
    {
        "model": "no_validation",
        "recording": "no_validation",
        "step": [Interval(Real, 0, None, closed="neither"), None],
        "smoothing": [Interval(Integral, 3, None, closed="left"), Transitions, None],
        "nonwear": [Interval(Real, BLOCK / 60, None, closed="left"), None],
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "target_rate": [Interval(Real, 0, None, closed="neither"), None],
        "subject": "no_validation",
    },
    prefer_skip_nested_validation=True,
)
def predict_timeline(
    model,
    recording,
    *,
    step=None,
    smoothing=None,
    nonwear=60,
    window=None,
    target_rate=None,
    subject=None,
    **segmentation,
):
    """Predict the label or the value of each step of a recording of days.

    The recording is cut into the segments that the model knows, a block at a time. They are never
    in memory as a whole. The steps are the rows of the result.

    Parameters
    ----------
    model : estimator
        Fitted classifier or regressor of segments: a :class:`~relcon_sklearn.RelConClassifier`, a
        :class:`~relcon_sklearn.RelConRegressor`, or any other, such as a pipeline of a
        :class:`~relcon_sklearn.RelConEmbedder` or of :class:`~relcon_sklearn.MotionFeatures`, or a
        search. It gets segments of shape (n_segments, n_timesteps, n_channels), float32, in g.

    recording : DataFrame or array-like
        One recording with dates, as :func:`~relcon_sklearn.segment_recordings` takes it, for
        example from :func:`~relcon_sklearn.recordings.read_recording`. Dates without a time zone
        are UTC.

    step : float or None, default=None
        Length of a step in s, at most the length of a segment. It is rounded to samples. If it is
        shorter than a segment, segments overlap and vote, see Notes. If None, the length of a
        segment.

    smoothing : int, Transitions or None, default=None
        How to smooth the labels or values of successive steps. An odd number is the number of
        steps of a running mode of labels, or of a running median of values. Transitions, from
        :func:`learn_transitions` or :func:`assume_transitions`, give the most likely sequence of
        labels. If None, steps do not depend on each other.

    nonwear : float or None, default=60
        Shortest duration, in minutes, for which a device that does not move counts as not worn,
        as in :func:`~relcon_sklearn.segment_recordings`. If None, all time counts as worn.

    window : float or None, default=None
        Length of a segment in s. If None, that of the segments the model was trained on. Pass it
        for a pipeline whose only model of this package is frozen, if the other steps were fitted to
        segments of another length: scikit-learn's estimators do not know theirs.

    target_rate : float or None, default=None
        Rate of the segments in Hz. If None, that of the segments the model was trained on.

    subject : str or None, default=None
        The person, for the column `subject`. If None, there is no such column.

    **segmentation
        Further parameters of :func:`~relcon_sklearn.segment_recordings`: `sampling_rate`, `units`,
        `timestamps`, `time`, `channels`, `max_gap`, `gravity` and `nan_policy`.

    Returns
    -------
    timeline : DataFrame of shape (n_rows, n_columns)
        One row for each step, and one for each period in which the device was not worn, in the
        order of time. The columns are:

        - `subject`: the person, if `subject` is not None
        - `start`, `end`: when the row starts and ends, in UTC
        - `wear`: bool, whether the device was worn
        - `label`: Categorical, the predicted class, missing if the device was not worn; or `value`,
          float64, of a regressor
        - `probability_sitting` and so on: float64, the probability of each class, if the model has
          ``predict_proba``

        Holes, which are time without data, have no rows: gaps, zeros of idle sleep mode, and less
        than the length of a segment before them.

    Raises
    ------
    TypeError
        If the model is neither a classifier nor a regressor, or if there is an unknown parameter.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If the model does not know the length or rate of its segments, contains models of different
        rates, or has several targets.
        If `step` is longer than a segment, or `smoothing` does not fit the model. If probabilities
        are not finite, or what is predicted is none of the classes. If the recording
        has no dates, is shorter than a segment, or is refused by
        :func:`~relcon_sklearn.segment_recordings`.
    ImportError
        If pandas is not installed.

    Warns
    -----
    UserWarning
        If the device is not calibrated, or its rate is far below that of the model, as in
        :func:`~relcon_sklearn.segment_recordings`. If a column names several people, who are taken
        as one. If there is a hole of 30 days or more, because the clock of the device may have been
        wrong. If `window` is shorter than half of the segments that a RelConClassifier or
        RelConRegressor was trained on, or more than six times longer.

    See Also
    --------
    daily_totals : Hours of each label on each day.
    relcon_sklearn.plotting.TimelineDisplay : Draw a timeline.

    Notes
    -----
    The vote of overlapping segments is the mean of their probabilities, or of their values. Without
    ``predict_proba``, it is the share of segments that have the label. A segment counts for a step
    by the share of the step that it covers. The label is the class with the largest mean.

    The running mode is the most frequent label of the steps around a step. Of equally frequent
    labels, it is the one with the highest mean probability. Transitions are used in a hidden Markov
    model, whose most likely sequence is found by the algorithm of Viterbi. Smoothing changes labels
    and values, and never probabilities. It does not cross holes and non-wear, near which fewer
    steps are used.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from relcon_sklearn import MotionFeatures, segment_recordings
    >>> from relcon_sklearn.datasets import make_recordings
    >>> from relcon_sklearn.timelines import predict_timeline
    >>> data = make_recordings(2, activities=["sitting", "walking"], as_frame=True, random_state=0)
    >>> first, second = data.recordings
    >>> train = segment_recordings(first, 50, units="g", labels="label", window=5)
    >>> model = make_pipeline(
    ...     MotionFeatures(sampling_rate=50), StandardScaler(), LogisticRegression()
    ... )
    >>> model = model.fit(train.X, train.y)
    >>> timeline = predict_timeline(
    ...     model, second, sampling_rate=50, units="g", channels=["x", "y", "z"]
    ... )
    >>> timeline.columns.tolist()
    ['start', 'end', 'wear', 'label', 'probability_sitting', 'probability_walking']
    >>> len(timeline), str(timeline["start"][1])
    (120, '2024-01-01 08:00:05+00:00')
    """
    check_pandas_support("predict_timeline")
    check_model(model)
    _check_segmentation(segmentation)
    layout = lay_out_for(model, window, target_rate, step)
    step = layout.stride_samples / layout.rate
    smoothing = check_smoothing(smoothing, model, step)
    placed = place_windows_in(recording, layout, nonwear=nonwear, **segmentation)
    stretch, nonwear_periods = placed.windows.stretch, placed.nonwear()
    if len(stretch) == 0 and len(nonwear_periods) == 0:
        raise ValueError(
            f"recording has no stretch as long as a segment of "
            f"{layout.n_timesteps / layout.rate:g} s, without gaps and zeros of idle sleep mode, "
            "in which the device was worn."
        )
    if is_classifier(model):
        outputs = _predict(placed, _class_scores(model), len(model.classes_))
        _check_scores(outputs, placed)
    else:
        outputs = _predict(placed, lambda X: _one_target(model.predict(X))[:, None], 1)
    steps, means = count_votes(outputs, stretch, layout.n_timesteps, layout.stride_samples)
    if is_classifier(model):
        columns = _label_columns(model, means, steps, smoothing)
    else:
        values = means[:, 0]
        if smoothing is not None:
            values = running_median(values, steps.first, smoothing)
        columns = {"value": values}
    timeline = _as_frame(placed, steps, columns, nonwear_periods, subject)
    _warn_of_long_hole(timeline)
    return timeline


def check_model(model) -> None:
    """Raise an error unless the model is a fitted classifier or regressor of one target."""
    if not is_classifier(model) and not is_regressor(model):
        raise TypeError(
            f"model is a {type(model).__name__}, which is neither a classifier nor a regressor. "
            "Pass one, such as a RelConClassifier, or a pipeline that ends with one."
        )
    check_is_fitted(model)
    if is_classifier(model) and isinstance(model.classes_, list):
        raise ValueError(
            f"model has {len(model.classes_)} targets. Pass a model with one target for each."
        )


def _check_segmentation(segmentation: dict[str, Any]) -> None:
    unknown = [name for name in segmentation if name not in _PASSED_ON]
    if unknown:
        raise TypeError(
            f"predict_timeline has no parameter {unknown[0]!r}. Of segment_recordings, it takes "
            f"{', '.join(_PASSED_ON)}."
        )
    constraints = segment_recordings._skl_parameter_constraints
    validate_parameter_constraints(constraints, segmentation, "predict_timeline")


def lay_out_for(
    model, window: float | None, target_rate: float | None, step: float | None
) -> Layout:
    """Return the layout of the segments that a model knows, unless the user passes another."""
    lengths, rate = training_layout(model)
    rate = rate if target_rate is None else float(target_rate)
    if rate is None:
        raise ValueError(
            "model does not know the sampling rate of the segments it was trained on. Pass it in "
            "target_rate, in Hz."
        )
    if window is None:
        in_window = "Pass it in window, in seconds"
        n_timesteps = only_length(lengths, rate, "model", in_window)
        if n_timesteps is None:
            raise ValueError(
                f"model does not know the length of the segments it was trained on. {in_window}."
            )
        window = n_timesteps / rate
    layout = lay_out(window, step, None, rate)
    if layout.stride_samples > layout.n_timesteps:
        raise ValueError(
            f"step={step:g} s is longer than a segment of {layout.n_timesteps / rate:g} s, so that "
            "time would be left out. Pass a shorter step."
        )
    return layout


def check_smoothing(
    smoothing: int | Transitions | None, model, step: float
) -> int | Transitions | None:
    """Return `smoothing`, whose labels are in the order of the classes of the model."""
    if isinstance(smoothing, Transitions):
        if not (is_classifier(model) and hasattr(model, "predict_proba")):
            raise ValueError(
                "smoothing is Transitions, which need a classifier with predict_proba. Pass an odd "
                "number of steps."
            )
        return in_order_of(smoothing, model.classes_, step)
    if smoothing is not None and smoothing % 2 == 0:
        raise ValueError(
            f"smoothing={smoothing} is even. Pass an odd number of steps, so that as many are "
            "before a step as after it."
        )
    return smoothing


def _class_scores(model) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that gives the probability of each class, or 1 for the predicted one.

    It gives NaN if what is predicted is none of the classes.
    """
    if hasattr(model, "predict_proba"):
        return model.predict_proba
    classes = np.asarray(model.classes_)

    def scores(X):
        is_class = _one_target(model.predict(X))[:, None] == classes
        return np.where(is_class.any(axis=1, keepdims=True), is_class, np.nan)

    return scores


def _check_scores(scores: np.ndarray, placed: PlacedWindows) -> None:
    """Raise ValueError if there are segments without a class, which would get the first one."""
    wrong = ~np.isfinite(scores).all(axis=1)
    if wrong.any():
        windows = placed.windows.select(wrong)
        first = placed.times(windows.stretch[:1], windows.begin[:1])[0]
        raise ValueError(
            f"model predicts probabilities that are not finite, or none of its classes, for "
            f"{wrong.sum()} of {len(wrong)} segments, the first at {first}. A step of the model "
            "may make NaN of segments that do not move. Pass a model that predicts a class for all."
        )


def _one_target(predicted) -> np.ndarray:
    predicted = np.asarray(predicted)
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        return predicted[:, 0]
    if predicted.ndim > 1:
        raise ValueError(
            f"model has {predicted.shape[1]} targets. Pass a model with one target for each."
        )
    return predicted


def _predict(placed: PlacedWindows, function: Callable, n_outputs: int) -> np.ndarray:
    """Return what a function says about all windows, which are cut in blocks."""
    outputs = np.empty((len(placed.windows.begin), n_outputs))
    for rows, X in placed.blocks():
        outputs[rows] = function(X)
    return outputs


def _label_columns(
    model, means: np.ndarray, steps: Steps, smoothing: int | Transitions | None
) -> dict[str, Any]:
    """Return the columns of labels and of probabilities."""
    import pandas

    codes = means.argmax(axis=1)
    if isinstance(smoothing, Transitions):
        codes = most_likely_labels(means, steps.first, smoothing.shares, smoothing.matrix)
    elif smoothing is not None:
        codes = most_frequent(codes, means, steps.first, smoothing)
    columns = {"label": pandas.Categorical.from_codes(codes, categories=model.classes_)}
    if hasattr(model, "predict_proba"):
        names = [f"probability_{name}" for name in model.classes_]
        columns |= dict(zip(names, means.T, strict=True))
    return columns


def _warn_of_long_hole(timeline) -> None:
    """Warn if there is a hole that a clock that was set explains best."""
    end, hole = timeline["end"], timeline["start"].shift(-1) - timeline["end"]
    longest = hole.max()
    if longest >= _LONG_HOLE:
        warn(
            f"The recording has no data for {longest.days} days after "
            f"{end[hole.idxmax()]:%Y-%m-%d %H:%M}. The clock of the device may have been wrong "
            "before or after it. If it was right, call warnings.filterwarnings('ignore', "
            "message='The recording has no data for')."
        )


def _as_frame(
    placed: PlacedWindows, steps: Steps, columns: dict[str, Any], nonwear: np.ndarray, subject
):
    """Return the timeline: a row for each step, and for each period of non-wear."""
    import pandas

    def in_utc(times):
        return pandas.DatetimeIndex(times, tz="UTC")

    start, end = (placed.times(steps.stretch, at) for at in (steps.begin, steps.end))
    worn = pandas.DataFrame({"start": in_utc(start), "end": in_utc(end), "wear": True} | columns)
    edges = {"start": in_utc(nonwear[:, 0]), "end": in_utc(nonwear[:, 1]), "wear": False}
    rest = pandas.DataFrame(edges).reindex(columns=worn.columns)
    if "label" in columns:
        rest["label"] = rest["label"].astype(worn["label"].dtype)
    timeline = pandas.concat([worn, rest.astype(worn.dtypes)] if len(rest) else [worn])
    timeline = timeline.sort_values("start", kind="stable", ignore_index=True)
    if subject is not None:
        timeline.insert(0, "subject", subject)
    return timeline
