"""The conventions of scikit-learn for every estimator: all of scikit-learn's checks, unmodified."""

import functools

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from relcon_sklearn import RelConClassifier, RelConRegressor
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder, tiny_regressor

# scikit-learn's checks pass no groups.
ESTIMATORS = [tiny_distance(), tiny_embedder(n_within=0), tiny_classifier(), tiny_regressor()]


BY_NAME = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)


def expected_failed_checks(estimator):
    # test_fine_tuning.py tests both: the weights with a frozen encoder and all segments in one
    # batch, and the subsets to five digits.
    failed = {}
    if isinstance(estimator, (RelConClassifier, RelConRegressor)):
        failed["check_sample_weight_equivalence_on_dense_data"] = (
            "batches are drawn from rows, and batch norms ignore weights"
        )
    if isinstance(estimator, RelConRegressor):
        failed["check_methods_subset_invariance"] = (
            "expects seven equal digits, because multi-output predictions must be float64, but the "
            "last digits of float32 arithmetic depend on the number of segments in a block"
        )
    return failed


# Some checks set random_state to None, and have so few samples or columns on purpose that a warning
# is given.
@pytest.mark.filterwarnings("ignore:validation_fraction:UserWarning")
@pytest.mark.filterwarnings("ignore:X of shape:UserWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def stack(X):
    """Turn the arrays of scikit-learn's checks, (n, features), into (n, 5, features)."""
    if sparse.issparse(X):
        return X
    X = np.asarray(X)
    if X.ndim != 2:
        return X
    return np.stack([np.roll(X, k, axis=1) for k in range(5)], axis=1)


def of_stacked(method):
    @functools.wraps(method)
    def wrapped(self, X, *args, **kwargs):
        return method(self, stack(X), *args, **kwargs)

    return wrapped


METHODS = ["fit", "transform", "predict", "predict_proba", "predict_log_proba", "score"]


def three_dimensional(estimator):
    cls = type(estimator)
    methods = {name: of_stacked(getattr(cls, name)) for name in METHODS if hasattr(cls, name)}
    made = type(cls.__name__, (cls,), {"__init__": cls.__init__, **methods})
    globals()[made.__name__ + "3D"] = made  # where pickle looks for it
    made.__qualname__ = made.__name__ + "3D"
    return made(**estimator.get_params(deep=False))


# These expect messages about "features", but a signal has time steps and channels. TestBadInput
# has similar tests.
ABOUT_COLUMNS = {
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_estimators_empty_data_messages",
}


@pytest.mark.filterwarnings("ignore:validation_fraction:UserWarning")
@pytest.mark.filterwarnings("ignore:X of shape:UserWarning")
@parametrize_with_checks(
    [three_dimensional(e) for e in ESTIMATORS], expected_failed_checks=expected_failed_checks
)
def test_scikit_learn_checks_on_three_dimensional_data(estimator, check):
    name = getattr(check, "func", check).__name__
    if name in ABOUT_COLUMNS:
        pytest.skip("about columns of a table")
    check(estimator)


def fit(estimator, X, **kwargs):
    """Fit a clone, with labels for estimators that need them."""
    return clone(estimator).fit(X, np.arange(len(X)) % 2, **kwargs)


def output(fitted, X):
    names = ["transform", "predict_proba", "predict"]
    return getattr(fitted, next(name for name in names if hasattr(fitted, name)))(X)


@pytest.fixture(scope="module")
def fitted(motion):
    """Return a function that fits an estimator at the first call. Do not change the results."""
    X, _, subjects = motion
    known = {}

    def fit_once(estimator):
        name = type(estimator).__name__
        if name not in known:
            known[name] = fit(estimator, X, groups=subjects)
        return known[name]

    return fit_once


@BY_NAME
class TestBadInput:
    def test_unfitted(self, estimator, motion):
        with pytest.raises(NotFittedError):
            output(clone(estimator), motion[0])
        with pytest.raises(NotFittedError):
            clone(estimator).score(motion[0], np.arange(90) % 2)

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((4,), "Expected 2D array, got 1D"),
            ((4, 5, 3, 2), "X has 4 dimensions, shape \\(4, 5, 3, 2\\)"),
            ((4, 0, 3), "X has no time steps: its shape is \\(4, 0, 3\\)"),
            ((4, 5, 0), "X has no channels: its shape is \\(4, 5, 0\\)"),
            ((1, 5, 3), "n_samples=1 .* at least 2 segments"),
        ],
    )
    def test_shapes(self, estimator, shape, message):
        with pytest.raises(ValueError, match=message):
            fit(estimator, np.zeros(shape))

    def test_no_segments(self, estimator):
        with pytest.raises(ValueError, match="0 sample"):
            fit(estimator, np.zeros((0, 5, 3)))

    def test_another_number_of_channels(self, estimator, motion, fitted):
        with pytest.raises(ValueError, match=r"X has 2 channels, but .* was fitted with 3"):
            output(fitted(estimator), motion[0][..., :2])

    def test_another_length_is_accepted(self, estimator, motion, fitted):
        result = output(fitted(estimator), motion[0][:5, :40])
        assert len(result) == 5
        assert np.isfinite(result).all()

    @pytest.mark.parametrize("groups", [np.zeros(3), np.zeros((90, 2))])
    def test_groups_of_another_shape(self, estimator, motion, groups):
        with pytest.raises(ValueError, match=r"groups has 3 entries|groups should be a 1d array"):
            fit(estimator, motion[0], groups=groups)

    def test_groups_with_nan(self, estimator, motion):
        groups = np.zeros(90)
        groups[7] = np.nan
        with pytest.raises(ValueError, match="groups contains NaN or infinity: first in row 7"):
            fit(estimator, motion[0], groups=groups)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite(self, estimator, motion, value, fitted):
        X = motion[0].copy()
        X[60, 3, 1] = X[17, 5, 2] = value
        with pytest.raises(ValueError, match="X contains NaN or infinity: first in row 17"):
            fit(estimator, X)
        with pytest.raises(ValueError, match="X contains NaN or infinity: first in row 17"):
            output(fitted(estimator), X)

    def test_values_too_large(self, estimator, motion):
        X = motion[0].astype(np.float64)
        X[17, 5, 2] = 1e300
        with pytest.raises(ValueError, match=r"too large to compute with: 1e\+300 in row 17"):
            fit(estimator, X)

    @pytest.mark.parametrize("dtype", ["complex64", "U3", "datetime64[s]"])
    def test_dtypes_that_are_not_numeric(self, estimator, dtype):
        with pytest.raises((ValueError, TypeError)):
            fit(estimator, np.zeros((4, 5, 3)).astype(dtype))

    def test_constant_segments_give_finite_results(self, estimator, motion):
        X = motion[0].copy()
        X[:45] = X[:45, :1]
        X[0] = 0
        result = output(fit(estimator, X, groups=motion[2]), X)
        assert np.isfinite(result).all()

    def test_weights_and_groups_are_named(self, estimator, motion):
        X, y, subjects = motion
        with pytest.raises(TypeError, match="positional arguments but 4 were given"):
            estimator.fit(X, y, subjects)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("max_epochs", -1),
            ("batch_size", 1),
            ("lr", 0.0),
            ("validation_fraction", 1.0),
            ("device", 3),
        ],
    )
    def test_parameters(self, estimator, motion, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter .* Got {value}"):
            fit(clone(estimator).set_params(**{name: value}), motion[0])


@BY_NAME
class TestInputs:
    @pytest.mark.parametrize("dtype", ["float64", "float16", "int16", "int64", ">f4", "bool"])
    def test_dtypes(self, estimator, motion, dtype):
        X, _, subjects = motion
        X = {"bool": X > 1, "int16": 50 * X, "int64": 50 * X}.get(dtype, X).astype(dtype)
        exact = X.astype(np.float32)
        expected = output(fit(estimator, exact, groups=subjects), exact)
        actual = output(fit(estimator, X, groups=subjects), X)
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == (
            np.float64 if isinstance(estimator, RelConRegressor) else np.float32
        )

    def test_two_dimensional_data_are_one_channel(self, estimator, motion):
        X = motion[0][..., 0]
        two = output(fit(estimator, X), X)
        three = output(fit(estimator, X[..., None]), X[..., None])
        np.testing.assert_array_equal(two, three)

    @pytest.mark.parametrize("shape", [(6, 1, 1), (6, 2, 3), (6, 5, 6), (9, 300, 1)])
    def test_lengths_and_channels(self, estimator, shape):
        X = np.random.default_rng(0).normal(size=shape)
        estimator = clone(estimator).set_params(n_channels=shape[2])
        assert np.isfinite(output(fit(estimator, X), X)).all()

    def test_column_names(self, estimator):
        pd = pytest.importorskip("pandas")
        X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 4)), columns=list("abcd"))
        fitted = fit(clone(estimator).set_params(n_channels=1), X)
        assert list(fitted.feature_names_in_) == list("abcd")
        with pytest.raises(ValueError, match="feature names"):
            output(fitted, X[["b", "a", "c", "d"]])

    def test_data_frame_out(self, estimator, motion):
        if not hasattr(estimator, "set_output"):
            pytest.skip("not a transformer")
        pytest.importorskip("pandas")
        X, _, subjects = motion
        fitted = clone(estimator).set_output(transform="pandas").fit(X, groups=subjects)
        frame = fitted.transform(X)
        assert list(frame.columns) == list(fitted.get_feature_names_out())
        assert frame.columns[0] == type(estimator).__name__.lower() + "0"
        assert frame.shape == (90, 8)


@BY_NAME
@pytest.mark.usefixtures("global_rng_untouched")
class TestRandomness:
    def test_same_seed_same_result(self, estimator, motion):
        X, _, subjects = motion
        first, second = (fit(estimator, X, groups=subjects) for _ in range(2))
        np.testing.assert_array_equal(output(first, X), output(second, X))
        assert first.history_ == second.history_

    def test_other_seed_other_result(self, estimator, motion):
        X, _, subjects = motion
        first, second = (
            output(fit(clone(estimator).set_params(random_state=seed), X, groups=subjects), X)
            for seed in (0, 1)
        )
        assert not np.allclose(first, second)

    def test_random_state_instance(self, estimator, motion):
        X, _, subjects = motion
        first, second = (
            output(
                fit(
                    clone(estimator).set_params(random_state=np.random.RandomState(5)),
                    X,
                    groups=subjects,
                ),
                X,
            )
            for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)

    def test_score_is_repeatable(self, estimator, motion, fitted):
        X = motion[0]
        y = np.arange(90) % 2
        assert fitted(estimator).score(X, y) == fitted(estimator).score(X, y)
        if hasattr(estimator, "transform"):
            assert fitted(estimator).score(X) < 0
