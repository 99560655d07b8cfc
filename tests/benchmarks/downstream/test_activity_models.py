"""The models of activities: weights of windows, sets left out, probabilities, and their files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

pytest.importorskip("tslearn")
from benchmarks.common.card import mark
from benchmarks.common.report import END_MARK
from benchmarks.downstream import activity_models, activity_weights
from benchmarks.downstream.activity_card import activity_card, taken_for_cycling
from benchmarks.downstream.activity_models import (
    METHODS,
    WRIST,
    Method,
    calibration_error,
    cooled,
    fit,
    leave_sets_out,
    mean_of_sets,
    resting_share,
    scores_of,
    temperature_of,
    weights_of,
)
from benchmarks.downstream.activity_sets import CLASSES, CYCLING, FILES, SITTING, WALKING
from benchmarks.downstream.activity_weights import as_classifier
from benchmarks.downstream.activity_windows import (
    N_AT_REST,
    Described,
    at_rest,
    find_files,
    load_described,
    with_noise,
)
from relcon_sklearn import RelConClassifier, RelConEmbedder
from relcon_sklearn.datasets import make_recordings, save_npz_recordings

NAMES = ["hapt.npz", "dsads_left_wrist.npz", "wisdm51_watch.npz", "motionsense_pocket.npz"]


@pytest.fixture
def windows():
    """Return windows of four files, whose two inputs separate the classes."""
    rng = np.random.default_rng(0)
    y = np.tile([SITTING, WALKING], 40)
    file = np.repeat(NAMES, 20)
    y[file == "dsads_left_wrist.npz"] = np.tile([SITTING, WALKING, CYCLING, CYCLING], 5)
    X = np.stack([y == SITTING, y == CYCLING], axis=1) + rng.normal(0, 0.1, (80, 2))
    subject = np.tile(np.repeat(["1", "2"], 10), 4)
    return Described(y, file, subject, X, X, X, X, X, X)


def test_weights():
    y = np.array(["a"] * 5 + ["b"])
    sets = np.array(["one"] * 4 + ["two"] * 2)
    weights = weights_of(y, sets)
    assert weights.sum() == pytest.approx(1)
    assert weights[5] == pytest.approx(0.5)
    assert weights[:4].sum() == pytest.approx(2 * weights[4])


def test_a_set_is_predicted_by_a_model_of_the_others(windows):
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append({tuple(x) for x in X.tolist()})
            return super().fit(X, y, sample_weight)

    def estimator(inputs):
        return Pipeline([("logisticregression", Spy())])

    method = Method("spy", "features", estimator, copies=())
    left, _ = leave_sets_out(method, windows)
    assert sorted(left.rows) == list(range(80))
    of_file = {name: {tuple(x) for x in windows.features[windows.file == name]} for name in NAMES}
    everything, *others = seen
    assert everything == set().union(*(of_file[name] for name in NAMES[:3]))
    for name, used in zip(sorted(NAMES[:3], key=lambda name: FILES[name].set), others, strict=True):
        assert used == everything - of_file[name]


def test_a_class_that_the_training_lacks_does_not_count(windows):
    left, _ = leave_sets_out(METHODS["features"], windows)
    y = windows.y[left.rows]
    of_dsads = windows.file[left.rows] == "dsads_left_wrist.npz"
    assert (~left.known == ((y == CYCLING) & of_dsads)).all()
    found = scores_of(left, windows)["files"]["dsads_left_wrist.npz"]
    assert found["macro_f1"] == 1
    assert found["f1"].keys() == {SITTING, WALKING}
    assert np.sum(found["confusion"]) == 20


def test_a_model_is_fitted_on_copies_too(windows):
    changed = windows.features + 0.2
    windows = replace(windows, features_rotated=changed, features_noisy=changed - 0.4)
    model = fit(METHODS["features"], windows)
    assert model[0].n_samples_seen_ == 3 * len(windows.y)
    assert (model.predict(changed) == windows.y).mean() > 0.9
    assert fit(METHODS["features"]._replace(copies=()), windows)[0].n_samples_seen_ == 80


def test_linear_models_converge_and_have_the_penalty_of_their_inputs(windows):
    for inputs in ("embeddings", "features"):
        model = fit(METHODS["features"]._replace(inputs=inputs), windows)[-1]
        assert model.C == activity_models.STRENGTHS[inputs]
        assert model.tol == LogisticRegression().tol
        assert model.n_iter_ < activity_models.MAX_ITER


def test_windows_at_rest_have_gravity_and_noise():
    X = at_rest(0.02, window=2.0)
    assert X.shape == (N_AT_REST, 100, 3)
    np.testing.assert_allclose(np.linalg.norm(X.mean(axis=1), axis=1), 1, atol=0.02)
    np.testing.assert_allclose(X.std(axis=1), 0.02, rtol=0.4)


def test_noise_has_another_level_in_each_window():
    X = with_noise(np.zeros((300, 200, 3)), np.random.default_rng(0))
    levels = X.std(axis=(1, 2))
    assert 0.0009 < levels.min() < 0.0015
    assert 0.03 < levels.max() < 0.043
    assert np.median(levels) == pytest.approx(np.sqrt(0.001 * 0.04), rel=0.3)


def test_the_share_at_rest_counts_postures(windows):
    model = fit(METHODS["features"], windows)
    assert resting_share(model, windows.features) == np.mean(windows.y == SITTING)


def test_the_wrist_only(windows, monkeypatch):
    monkeypatch.setattr(activity_models, "N_TREES", 3)
    left, _ = leave_sets_out(METHODS["forest_wrist"]._replace(copies=()), windows)
    assert set(windows.file[left.rows]) == {"dsads_left_wrist.npz", "wisdm51_watch.npz"}


def test_the_mean_of_sets_counts_sets_once():
    scores = {name: {"macro_f1": 0.0} for name in FILES}
    scores["hapt.npz"]["macro_f1"] = scores["motionsense_pocket.npz"]["macro_f1"] = 1.0
    for name in ("exam_stress_wrist.npz", "stress_predict_wrist.npz", "seglearn_watch.npz"):
        scores[name]["macro_f1"] = 1.0  # one class
    assert mean_of_sets(scores) == pytest.approx(0.25)
    assert mean_of_sets(scores, lambda file: file.placement == "nowhere") is None


def test_the_temperature_is_found():
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(len(CLASSES)), 4000)
    codes = np.array([rng.choice(len(CLASSES), p=p) for p in true])
    too_sure = cooled(true, 1 / 3)
    found = temperature_of(too_sure, codes, np.full(len(codes), 1 / len(codes)))
    assert found == pytest.approx(3, rel=0.1)
    y = np.array(CLASSES)[codes]
    assert calibration_error(cooled(too_sure, found), y) < 0.05 < calibration_error(too_sure, y)


def test_the_classifier_is_the_linear_model():
    rng = np.random.default_rng(0)
    embedder = RelConEmbedder.from_pretrained("motion-small", device="cpu")
    X = rng.normal(0.5, 0.1, (12, 100, 3)).astype(np.float32)
    Z, y = embedder.transform(X), np.resize(CLASSES[:3], 12)
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(Z, y)
    classifier = as_classifier(embedder, linear, 2.0, window=2.0)
    expected = cooled(linear.predict_proba(Z), 2.0)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-4)
    assert (classifier.n_features_in_, classifier.sampling_rate_) == (100, 50)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run the script on generated recordings with the names of files of two sets."""
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(["wisdm51_watch.npz", "dsads_left_wrist.npz", "dsads_torso.npz"]):
        data = make_recordings(
            2, duration=150, sampling_rate=50, activities=["sitting", "standing", "stairs"],
            dropout=0, random_state=seed,
        )  # fmt: skip
        if seed:
            data.labels = [np.where(y == "stairs", "ascending stairs", y) for y in data.labels]
            data.label_names = None
        save_npz_recordings(folder / name, data)
    arguments = ["activity_weights", "--smoke", "--data", folder, "--pool", folder]
    arguments += ["--cache", folder / "cache", "--output", folder / "small.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", list(map(str, arguments)))
        patch.setattr(activity_weights, "N_TO_COMPARE", 20)
        patch.setattr(activity_models, "N_TREES", 3)
        activity_weights.main()
    return folder


def test_the_script_writes_weights_results_and_card(made, monkeypatch):
    model = RelConClassifier.load(made / "small" / "activity-small.safetensors")
    assert model.classes_.tolist() == ["sitting", "stairs", "standing"]
    assert model.n_features_in_ == 500
    page = made / "page.md"
    marks = [mark(part, activity_weights.COMMAND) for part in ("summary", "limits", "origin")]
    page.write_text("".join(f"{line}\nan older card\n{END_MARK}\n" for line in marks))
    monkeypatch.setattr(activity_weights, "PAGE", page)
    options = ["--card", "--output", made / "small.json", "--weights", made / "small"]
    monkeypatch.setattr("sys.argv", ["activity_weights", *map(str, options)])
    activity_weights.main()
    model = RelConClassifier.load(made / "small" / "activity-small-wrist.safetensors")
    card = activity_card(json.loads((made / "small.json").read_text()))
    assert model.card_ == card.text
    for expected in ("Weiss", "CC BY 4.0", "Free living", "Not better", "left out, "):
        assert expected in card.text
    assert "an older card" not in page.read_text()
    assert "`activity-small-wrist` is for a wrist" in page.read_text().replace("\n", " ")
    tables = {path.stem for path in (made / "page").iterdir()}
    assert tables == {"scores", "classes", "probabilities", "data"}


def test_sitting_is_compared_where_cycling_is_known():
    """The model that has not seen DSADS does not know cycling, so that DSADS does not count."""
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=int)
    confusion[CLASSES.index(SITTING), CLASSES.index(SITTING)] = 10
    without = {"dsads_left_wrist.npz": {"confusion": confusion.tolist()}}
    assert taken_for_cycling({WRIST: {"files": without}}) == "an unknown share"
    confusion[CLASSES.index(SITTING), CLASSES.index(CYCLING)] = 30
    files = without | {"wisdm51_watch.npz": {"confusion": confusion.tolist()}}
    assert taken_for_cycling({WRIST: {"files": files}}) == "75 %"


def test_descriptions_are_kept(made, monkeypatch):
    embedder = RelConEmbedder.from_pretrained("motion-small", device="cpu")
    paths = find_files(made)
    again = load_described(paths, 10.0, embedder, activity_weights.SMOKE, made / "cache")
    monkeypatch.setattr(
        "benchmarks.downstream.activity_windows._describe", lambda *args: pytest.fail("made again")
    )
    kept = load_described(paths, 10.0, embedder, activity_weights.SMOKE, made / "cache")
    np.testing.assert_array_equal(kept.embeddings, again.embeddings)
    assert set(kept.file) == set(paths)
