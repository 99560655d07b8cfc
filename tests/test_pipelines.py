"""Estimators in pipelines, searches and cross-validation, with scikit-learn, joblib and tslearn."""

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import SegmentWriter, open_segments
from tests.support.estimators import tiny_classifier, tiny_distance, tiny_embedder
from tests.support.reference import euclidean


def quick(**kwargs):
    return tiny_embedder(**({"distance": euclidean, "max_epochs": 1} | kwargs))


def classifier():
    return LogisticRegression(max_iter=2000)


def test_pipeline_with_groups(motion):
    X, y, subjects = motion
    pipe = Pipeline([("emb", tiny_embedder()), ("clf", classifier())])
    pipe.fit(X, y, emb__groups=subjects)
    alone = tiny_embedder().fit(X, groups=subjects)
    np.testing.assert_array_equal(pipe[:-1].transform(X), alone.transform(X))
    assert pipe.score(X, y) > 0.3


def test_grid_search_over_nested_names(motion):
    X, y, subjects = motion
    pipe = Pipeline([("emb", tiny_embedder(max_epochs=1, n_within=0)), ("clf", classifier())])
    grid = {"emb__distance__attention": ["softmax", "sparsemax"], "emb__temperature": [0.1, 0.5]}
    search = GridSearchCV(pipe, grid, cv=GroupKFold(2), error_score="raise")
    search.fit(X, y, groups=subjects)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_["emb"].distance_.attention in ("softmax", "sparsemax")


def test_grid_search_tunes_the_distance_by_its_score(motion):
    X, _, subjects = motion
    search = GridSearchCV(tiny_distance(lr=3e-3), {"max_epochs": [0, 6]}, cv=GroupKFold(2))
    search.fit(X, groups=subjects)
    assert search.best_params_ == {"max_epochs": 6}


def test_calibration_of_a_frozen_classifier(motion):
    X, y, _ = motion
    model = tiny_classifier(max_epochs=1, validation_fraction=0).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(model)).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, atol=1e-6)
    # With labels of some of its classes, of which scikit-learn raises an IndexError.
    some = np.isin(y, model.classes_[:2])
    linear = LogisticRegression().fit(model.predict_log_proba(X[some]), y[some])
    assert linear.predict_proba(model.predict_log_proba(X)).shape == (len(X), 2)


def test_nested_cross_validation_with_metadata_routing(motion):
    X, y, subjects = motion
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = quick().set_fit_request(groups=True)
        pipe = Pipeline([("emb", embedder), ("clf", classifier())])
        search = GridSearchCV(pipe, {"clf__C": [0.1, 1.0]}, cv=GroupKFold(2), error_score="raise")
        result = cross_validate(
            search,
            X,
            y,
            params={"groups": subjects},
            cv=GroupKFold(3),
            return_estimator=True,
            error_score="raise",
        )
    assert np.isfinite(result["test_score"]).all()
    # The groups reached the innermost fit, which held out subjects instead of segments.
    fold = result["estimator"][0].best_estimator_["emb"]
    train = next(GroupKFold(3).split(X, y, subjects))[0]
    expected = quick().fit(X[train], groups=subjects[train])
    np.testing.assert_array_equal(fold.transform(X), expected.transform(X))


def test_score_request(motion):
    X, _, subjects = motion
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = quick().set_fit_request(groups=True).set_score_request(groups=True)
        scores = cross_val_score(
            embedder, X, params={"groups": subjects}, cv=GroupKFold(2), error_score="raise"
        )
    assert (scores < 0).all()


def test_frozen_embedder_is_pretrained_once(motion):
    X, y, subjects = motion
    embedder = quick().fit(X, groups=subjects)
    pipe = make_pipeline(FrozenEstimator(embedder), StandardScaler(), classifier())
    scores = cross_val_score(pipe, X, y, groups=subjects, cv=GroupKFold(3), error_score="raise")
    Z = embedder.transform(X)
    rest = make_pipeline(StandardScaler(), classifier())
    np.testing.assert_allclose(
        scores, cross_val_score(rest, Z, y, groups=subjects, cv=GroupKFold(3))
    )


def test_regression(motion):
    X = motion[0]
    target = X[..., 0].std(axis=1)
    model = make_pipeline(quick(n_within=0), StandardScaler(), Ridge()).fit(X, target)
    assert model.score(X, target) > 0.3


def test_nearest_neighbours_on_precomputed_distances(motion):
    X, y, _ = motion
    neighbours = KNeighborsClassifier(1, metric="precomputed")
    pipe = make_pipeline(tiny_distance(n_references=None, max_epochs=1), neighbours)
    pipe.fit(X[:60], y[:60])
    d = pipe[0].pairwise(X[60:], X[:60])
    np.testing.assert_array_equal(pipe.predict(X[60:]), y[:60][d.argmin(axis=1)])


def test_distances_to_references_are_features(motion):
    X, y, subjects = motion
    pipe = make_pipeline(tiny_distance(), StandardScaler(), classifier())
    scores = cross_val_score(pipe, X, y, groups=subjects, cv=GroupKFold(2), error_score="raise")
    assert scores.mean() > 1 / 6


def test_pipeline_memory_reuses_the_embedding(motion, tmp_path):
    X, y, subjects = motion
    assert joblib.hash(quick()) == joblib.hash(clone(quick()))
    memory = joblib.Memory(tmp_path, verbose=0)
    for c in (0.1, 1.0):
        pipe = Pipeline([("emb", quick()), ("clf", LogisticRegression(C=c))], memory=memory)
        pipe.fit(X, y, emb__groups=subjects)
    cached = list(tmp_path.rglob("output.pkl"))
    assert len(cached) == 1


def test_parallel_fits_on_a_read_only_memmap_equal_serial_ones(motion, tmp_path):
    X, y, subjects = motion
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    pipe = make_pipeline(quick(n_within=0), classifier())
    scores = [
        cross_val_score(
            pipe, data, y, groups=subjects, cv=GroupKFold(3), n_jobs=n_jobs, error_score="raise"
        )
        for data, n_jobs in [(X, None), (mapped, 2)]
    ]
    np.testing.assert_array_equal(*scores)


def test_threads_equal_serial(motion):
    X, _, subjects = motion
    models = [quick(random_state=seed) for seed in range(4)]
    serial = [clone(m).fit(X, groups=subjects).transform(X) for m in models]
    with joblib.parallel_backend("threading", n_jobs=4):
        fitted = joblib.Parallel()(joblib.delayed(clone(m).fit)(X, groups=subjects) for m in models)
    for model, expected in zip(fitted, serial, strict=True):
        np.testing.assert_array_equal(model.transform(X), expected)


def test_tslearn_upstream(motion):
    preprocessing = pytest.importorskip("tslearn.preprocessing")
    X, y, _ = motion
    pipe = make_pipeline(
        preprocessing.TimeSeriesResampler(sz=32),
        preprocessing.TimeSeriesScalerMeanVariance(),
        quick(n_within=0),
        classifier(),
    )
    assert pipe.fit(X, y).predict(X).shape == (90,)
    assert pipe[2].n_features_in_ == 32


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validation_over_a_store(motion, tmp_path, n_jobs):
    X, y, subjects = motion
    with SegmentWriter(tmp_path, n_timesteps=64, n_channels=3, sampling_rate=25) as writer:
        for subject in np.unique(subjects):
            writer.append(X[subjects == subject], f"s{subject}")
    store = open_segments(tmp_path)
    with sklearn.config_context(enable_metadata_routing=True):
        embedder = quick().set_fit_request(groups=True)
        pipe = make_pipeline(embedder, classifier())
        settings = {"cv": GroupKFold(2), "error_score": "raise"}
        found = cross_validate(
            pipe, store.X, y, params={"groups": store.groups}, n_jobs=n_jobs, **settings
        )
        expected = cross_validate(pipe, X, y, params={"groups": subjects}, **settings)
    np.testing.assert_array_equal(found["test_score"], expected["test_score"])
