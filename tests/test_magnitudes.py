"""Models warn of segments whose magnitudes hint at other units, or at gravity removed or added."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import FeatureDistance, MotionFeatures, RelConEmbedder
from relcon_sklearn.segments._array import SegmentArray
from relcon_sklearn.segments._magnitudes import (
    Magnitudes,
    magnitudes_of,
    training_magnitudes,
    warn_of_magnitudes,
)
from tests.support.untrained import MAKERS, classifier, distance, embedder, fit

G = 9.80665
FAR = r"median magnitude of X is .* times the median magnitude in the training of {}"


def movement(n=20, gravity=1.0, seed=0):
    """Return segments of people at rest and in movement, with gravity along one axis."""
    rng = np.random.default_rng(seed)
    strength = np.exp(rng.uniform(np.log(0.01), np.log(0.6), (n, 1, 1)))
    return [0, 0, gravity] + strength * rng.normal(size=(n, 16, 3))


def check(X, training):
    """Compare segments with the magnitudes of a training."""
    array = SegmentArray(np.asarray(X))
    warn_of_magnitudes(array, training, "X", "Model")
    for i in reversed(range(0, len(array), 7)):  # in blocks, in any order
        array.read(np.arange(i, min(i + 7, len(array))))
    array.read(np.arange(len(array)))  # without a second warning


def trained_on(X):
    return training_magnitudes(SegmentArray(np.asarray(X)))


@MAKERS
@pytest.mark.parametrize("change", [lambda X: G * X, lambda X: X - [0, 0, 1]])
def test_other_units_and_removed_gravity_are_warned_of(make, change):
    X = movement()
    model = fit(make(), X)
    use = model.predict if hasattr(model, "predict") else model.transform
    use(X)
    with pytest.warns(UserWarning, match=FAR.format(type(model).__name__)) as record:
        use(change(X))
    assert len(record) == 1


@MAKERS
@pytest.mark.parametrize(("factor", "unit"), [(G, r"m/s\^2"), (1000, "mg")])
def test_a_training_in_other_units_is_warned_of(make, factor, unit):
    with pytest.warns(UserWarning, match=f"^X seems to be in {unit}: .* norm of") as record:
        fit(make(), factor * movement())
    assert len(record) == 1  # nested estimators do not repeat it
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X seems to be in")
        fit(make(), factor * movement())


@pytest.mark.parametrize(
    "X",
    [
        movement(),
        2 * movement(),
        G * movement(gravity=0),  # without gravity, units cannot be recognised
        G * movement()[..., :2],  # two axes need not have gravity
        300 * movement(),  # of another sensor
    ],
)
def test_a_training_in_g_or_of_another_signal_is_not(X):
    fit(embedder(), X)


def test_hand_made_features_can_be_of_other_units():
    MotionFeatures(sampling_rate=50).fit(G * movement())
    FeatureDistance(sampling_rate=50).fit(G * movement())


def test_a_frozen_model_without_magnitudes_does_not_hide_other_units():
    released = fit(distance(), movement())
    released._magnitudes = None
    with pytest.warns(UserWarning, match=r"X seems to be in m/s\^2"):
        fit(embedder(distance=FrozenEstimator(released)), G * movement())


@MAKERS
def test_every_method_warns_once_at_the_line_of_the_user(make):
    X = movement()
    model = fit(make(), X)
    for name in {"transform", "pairwise", "score", "predict", "predict_proba"} & {*dir(model)}:
        arguments = {"y": np.arange(20) % 2} if name == "score" else {}
        if name == "score" and make is embedder:
            arguments["groups"] = np.arange(20) % 4
        with pytest.warns(UserWarning, match="median magnitude") as record:
            getattr(model, name)(G * X, **arguments)
        assert [warning.filename for warning in record] == [__file__], name


def test_the_warning_can_be_acted_on():
    with pytest.warns(UserWarning, match=r"9\.8 times .*units of the training .*gravity"):
        check(movement() * G, trained_on(movement()))


@pytest.mark.parametrize("gravity", [0.0, 1.0])
@pytest.mark.parametrize("factor", [G, 1 / G])
@pytest.mark.parametrize("n", [5, 300])
def test_all_sizes_and_both_directions(gravity, factor, n):
    with pytest.warns(UserWarning, match="median magnitude"):
        check(movement(n, gravity, seed=1) * factor, trained_on(movement(300, gravity)))


@pytest.mark.parametrize("factor", [G, 1 / G, 0.1])
def test_one_segment_in_other_units(factor):
    with pytest.warns(UserWarning, match="median magnitude"):
        check(movement(1, seed=1) * factor, trained_on(movement(300)))


@pytest.mark.parametrize("gravity", [0.0, 1.0])
def test_one_still_or_lively_segment_is_no_cause(gravity):
    training = trained_on(movement(300, gravity))
    for X in movement(300, gravity, seed=1):
        check(X[None], training)


@pytest.mark.parametrize("gravity", [0.0, 1.0])
def test_a_still_or_a_lively_hour_is_no_cause(gravity):
    X = movement(300, gravity)
    training = trained_on(X)
    order = np.argsort(X.std(axis=(1, 2)))
    check(X[order[10:40]], training)
    check(X[order[-40:-10]], training)


def test_standardised_data_are_no_cause():
    scaler = StandardScaler().fit(movement(300).reshape(-1, 3))

    def standardised(X):
        return scaler.transform(X.reshape(-1, 3)).reshape(X.shape)

    training = trained_on(standardised(movement(300)))
    check(standardised(movement(300, seed=1)), training)
    check(standardised(movement(3, seed=1)), training)


def test_segments_of_zeros_do_not_count():
    X = movement(300)
    X[::2] = 0
    assert trained_on(X).low > 0.9
    assert trained_on(np.zeros_like(X)) is None
    check(np.zeros_like(X), trained_on(X))
    check(X, None)
    with pytest.warns(UserWarning, match="median magnitude"):
        check(X - [0, 0, 1] * (X != 0).any(axis=(1, 2), keepdims=True), trained_on(X))


def lively(n=20, gravity=1.0, seed=0):
    """Return segments whose movement is as strong as gravity."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 4 * np.pi, 16, endpoint=False)
    phases = rng.uniform(0, 2 * np.pi, (n, 1, 3))
    movement = rng.uniform(0.6, 0.9, (n, 1, 1)) * np.sin(time[None, :, None] + phases)
    offset = rng.normal([0, 0, gravity], 0.02, (n, 1, 3))
    return movement + offset


@MAKERS
def test_removed_gravity_is_warned_of_if_magnitudes_are_usual(make):
    model = fit(make(), movement())
    use = model.predict if hasattr(model, "predict") else model.transform
    with pytest.warns(UserWarning, match=r"Gravity is missing in X.*To silence") as record:
        use(lively(gravity=0.0))
    assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize("n", [1, 5, 300])
def test_gravity_is_missing_in_any_number_of_segments(n):
    with pytest.warns(UserWarning, match="Gravity is missing"):
        check(lively(n, gravity=0.0), trained_on(movement(300)))


@pytest.mark.parametrize("message", ["Gravity is missing", "The median magnitude"])
def test_both_warnings_are_silenced_as_they_say(message):
    X = lively(gravity=0.0) * (G if message.startswith("The") else 1)
    with pytest.warns(UserWarning, match=rf'filterwarnings\("ignore", message="{message}"\)'):
        check(X, trained_on(movement()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message)
        check(X, trained_on(movement()))


def test_lively_movement_with_gravity_is_no_cause():
    check(2 * lively() - [0, 0, 1], trained_on(movement(300)))


def test_a_person_who_turns_over_is_no_cause():
    angle = np.linspace(0, 1.6 * np.pi, 16)
    X = np.stack([np.cos(angle), np.sin(angle), 0.1 * angle], axis=1)[None]
    assert np.linalg.norm(X.mean(axis=1)) < 1 / 3
    check(X, trained_on(movement(300)))


@pytest.mark.parametrize(
    "X",
    [
        pytest.param(movement(300, gravity=0.0), id="no gravity"),
        pytest.param(movement(300)[..., 2:], id="one axis, at any orientation"),
    ],
)
def test_without_clear_gravity_in_training_there_is_no_level(X):
    assert trained_on(X).level == 0


def test_without_a_level_nothing_is_missing():
    check(lively(gravity=0.0), trained_on(movement(300))._replace(level=0.0))


def test_magnitudes_are_root_mean_squares_and_norms_of_means_of_a_few_segments():
    X = movement(3)
    expected = np.sqrt((X**2).sum(axis=2).mean(axis=1)), np.linalg.norm(X.mean(axis=1), axis=1)
    np.testing.assert_allclose(magnitudes_of(SegmentArray(X)).T, expected, rtol=1e-6)
    assert magnitudes_of(SegmentArray(movement(5000))).shape == (256, 2)
    flat = magnitudes_of(SegmentArray(X[..., 2]))
    expected = np.sqrt((X[..., 2] ** 2).mean(axis=1)), np.abs(X[..., 2].mean(axis=1))
    np.testing.assert_allclose(flat.T, expected, rtol=1e-6)


def test_the_largest_values_do_not_overflow():
    low, median, high, level = trained_on(np.full((20, 16, 3), 1e12))
    assert low == median == high == pytest.approx(np.sqrt(3) * 1e12, rel=1e-6)
    assert level == pytest.approx(median, rel=1e-6)


@pytest.mark.parametrize("make", [embedder, classifier])
def test_a_frozen_estimator_warns_once_when_it_is_trained_on(make):
    X = movement()
    if make is embedder:
        model = embedder(distance=FrozenEstimator(fit(distance(), X)))
        nested = "LearnedMotifDistance"
    else:
        model = classifier(encoder=FrozenEstimator(fit(embedder(), X)))
        nested = "RelConEmbedder"
    fit(clone(model), X)
    with pytest.warns(UserWarning, match=FAR.format(nested)) as record:
        fit(model, G * X)
    assert len(record) == 1
    model.transform(G * X) if make is embedder else model.predict(G * X)


@MAKERS
def test_files_hold_the_magnitudes(make, tmp_path):
    model = fit(make(), movement())
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert loaded._magnitudes == model._magnitudes
    assert isinstance(loaded._magnitudes, Magnitudes)
    use = loaded.predict if hasattr(loaded, "predict") else loaded.transform
    with pytest.warns(UserWarning, match="median magnitude"):
        use(G * movement())
    with pytest.warns(UserWarning, match="Gravity is missing"):
        use(lively(gravity=0.0))


def test_files_of_earlier_versions_have_no_level(tmp_path):
    model = fit(embedder(), movement())
    model._magnitudes = list(model._magnitudes)[:3]
    model.save(tmp_path / "model")
    loaded = RelConEmbedder.load(tmp_path / "model")
    assert loaded._magnitudes == Magnitudes(*model._magnitudes, level=0.0)
    loaded.transform(lively(gravity=0.0))
