"""Saved and loaded estimators are the same in everything that can be observed."""

import copy
import itertools
import pickle
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback
from torch import nn

from relcon_sklearn import (
    LazyWindows,
    LearnedMotifDistance,
    MotionFeatures,
    RandomAugmentations,
    RelConClassifier,
    RelConEmbedder,
    RelConRegressor,
)
from relcon_sklearn._files._recipes import Recipe
from relcon_sklearn._utils import _atomic
from relcon_sklearn.augmentations import Jitter, Rotation
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.nn import MotifCrossAttention, PulsePPGEncoder, ResNet1D
from tests.support.comparing import comparable
from tests.support.estimators import (
    score_of,
    tiny_classifier,
    tiny_distance,
    tiny_embedder,
    tiny_encoder,
    tiny_regressor,
)
from tests.support.full_disk import FullDisk
from tests.support.paths import VECTORS
from tests.support.reference import euclidean
from tests.support.released import (
    pulse_ppg_layout,
    random_weights,
    relcon_layout,
    with_prefix,
    write_released,
)


class MyEncoder(nn.Module):
    """A user's own encoder, with a buffer, and with weights in half precision."""

    def __init__(self, n_channels):
        super().__init__()
        self.conv = nn.Conv1d(n_channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("gain", torch.linspace(1, 2, 4).to(torch.bfloat16))

    def forward(self, x):
        return self.norm(self.conv(x)).mean(dim=2) * self.gain.float()


class NoMetaEncoder(MyEncoder):
    """An encoder that cannot be made on the meta device."""

    def __init__(self, n_channels):
        super().__init__(n_channels)
        self.offset = self.norm.weight.detach().numpy().sum()


class MyAugmentation:
    def __call__(self, segments, generator):
        return -segments


class Quiet(Callback):
    pass


def shuffled(segments, generator):
    return segments.flip(1)


quick = partial(tiny_distance, max_epochs=1)
quick_embedder = partial(tiny_embedder, max_epochs=1, distance=euclidean)
quick_classifier = partial(tiny_classifier, max_epochs=2)
quick_regressor = partial(tiny_regressor, max_epochs=2)


def there_and_back(estimator, tmp_path, **given):
    estimator.save(tmp_path / "file")
    return type(estimator).load(tmp_path / "file", **given)


def outputs(estimator, X):
    if hasattr(estimator, "transform"):
        return estimator.transform(X)
    if hasattr(estimator, "predict_proba"):
        return np.column_stack([estimator.predict_proba(X), estimator.predict(X) == "walk"])
    return estimator.predict(X)


def assert_same(found, expected, X):
    assert comparable(found) == comparable(expected)
    np.testing.assert_array_equal(outputs(found, X), outputs(expected, X))


def fit(estimator, motion):
    X, y, subjects = motion
    if isinstance(estimator, RelConRegressor):
        return estimator.fit(X, X.std(axis=1), groups=subjects)
    if isinstance(estimator, RelConClassifier):
        return estimator.fit(X, y, groups=subjects)
    if isinstance(estimator, MotionFeatures):
        return estimator.fit(X)
    return estimator.fit(X, groups=subjects)


ESTIMATORS = {
    "distance": quick,
    "distance, other settings": lambda: quick(
        attention="softmax",
        revin=False,
        n_layers=np.int64(2),
        dropout=np.float32(0.25),
        lr=np.float64(1e-3),
        n_references=None,
        validation_fraction=0,
        augmentation=RandomAugmentations([Jitter(0.2), Rotation()], 1),
        random_state=np.random.RandomState(3),
        device=torch.device("cpu"),
        callbacks=[],
    ),
    "distance, untrained": lambda: quick(max_epochs=0, random_state=None),
    "embedder": lambda: tiny_embedder(max_epochs=1),
    "embedder, default distance": lambda: quick_embedder(distance=quick(augmentation=Jitter())),
    "embedder, preset": lambda: quick_embedder(
        encoder="resnet14-half", distance=quick(), n_positives=1, augmentation=Rotation()
    ),
    "embedder, class of ours": lambda: quick_embedder(
        distance=quick(), encoder=partial(PulsePPGEncoder, width=4, n_blocks=5, kernel_size=3)
    ),
    "classifier": quick_classifier,
    "classifier, mlp": lambda: quick_classifier(
        head="mlp", class_weight="balanced", freeze=1, n_iter_no_change=None
    ),
    "classifier, pretrained first": lambda: quick_classifier(
        encoder=quick_embedder(distance=quick()), freeze="encoder"
    ),
    "regressor": quick_regressor,
    "features": lambda: MotionFeatures(sampling_rate=50),
    "regressor, not scaled": lambda: quick_regressor(scale_targets=False, encoder="resnet14-half"),
}


@pytest.fixture(scope="module")
def fitted(request):
    """Return a function that fits an estimator by its name, once."""
    motion = request.getfixturevalue("motion")
    kept = {}

    def get(name):
        if name not in kept:
            kept[name] = fit(ESTIMATORS[name](), motion)
        return kept[name]

    return get


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_comes_back(fitted, motion, tmp_path, name):
    estimator = fitted(name)
    found = there_and_back(estimator, tmp_path)
    assert_same(found, estimator, motion[0])
    assert vars(found).keys() == vars(estimator).keys()
    again = there_and_back(found, tmp_path)
    assert_same(again, estimator, motion[0])


def test_frozen_parts(motion, tmp_path):
    distance = fit(quick(), motion)
    embedder = fit(quick_embedder(distance=FrozenEstimator(distance)), motion)
    classifier = fit(quick_classifier(encoder=FrozenEstimator(embedder)), motion)
    for estimator in (embedder, classifier):
        assert_same(there_and_back(estimator, tmp_path), estimator, motion[0])
    found = there_and_back(embedder, tmp_path)
    # It is still one shared object, and is in the file only once.
    assert found.distance.estimator is found.distance_
    with open(tmp_path / "file", "rb") as file:
        assert file.read().count(b'"distance.references_":') == 1


@pytest.mark.parametrize("name", ["distance", "embedder", "classifier", "regressor"])
def test_what_is_loaded_works_on(fitted, motion, tmp_path, name):
    X, y, subjects = motion
    estimator = fitted(name)
    found = there_and_back(estimator, tmp_path)
    expected = outputs(estimator, X)
    np.testing.assert_array_equal(outputs(pickle.loads(pickle.dumps(found)), X), expected)
    joblib.dump(found, tmp_path / "joblib")
    np.testing.assert_array_equal(outputs(joblib.load(tmp_path / "joblib"), X), expected)
    np.testing.assert_array_equal(outputs(FrozenEstimator(found), X), expected)
    # A fit with the same parameters gives the same result.
    np.testing.assert_array_equal(outputs(fit(clone(found), motion), X), expected)
    if name == "regressor":
        assert found.score(X, X.std(axis=1)) == estimator.score(X, X.std(axis=1))
    elif name == "classifier":
        assert found.score(X, y) == estimator.score(X, y)
    else:
        assert score_of(found, X, subjects) == score_of(estimator, X, subjects)
    if name == "embedder":
        results = [
            quick_classifier(encoder=FrozenEstimator(e)).fit(X, y, groups=subjects)
            for e in (estimator, found)
        ]
        np.testing.assert_array_equal(*(r.predict_proba(X) for r in results))
        frozen = sklearn.pipeline.make_pipeline(
            FrozenEstimator(found), sklearn.linear_model.LogisticRegression(max_iter=1000)
        )
        assert np.isfinite(cross_val_score(frozen, X, y, cv=2)).all()
    # Fitting again, further training and predicting do not change the file.
    assert_same(type(found).load(tmp_path / "file"), estimator, X)


def test_weights_may_be_trained_on(fitted, tmp_path):
    found = there_and_back(fitted("embedder"), tmp_path)
    assert all(p.requires_grad for p in found.encoder_.parameters())
    before = found.encoder_.stem_conv.weight.detach().clone()
    with torch.no_grad():
        found.encoder_.stem_conv.weight += 1
    again = RelConEmbedder.load(tmp_path / "file")
    assert torch.equal(again.encoder_.stem_conv.weight, before)


def test_threads(fitted, motion, tmp_path):
    embedder = fitted("embedder")
    embedder.save(tmp_path / "file")
    with joblib.parallel_backend("threading", n_jobs=8):
        found = joblib.Parallel()(
            joblib.delayed(RelConEmbedder.load)(tmp_path / "file") for _ in range(40)
        )
    assert torch.zeros(1).device.type == "cpu"
    assert torch.utils._device.CURRENT_DEVICE is None
    expected = embedder.transform(motion[0])
    for other in found:
        np.testing.assert_array_equal(other.transform(motion[0]), expected)


def test_nothing_of_the_global_generators_is_drawn(fitted, tmp_path, global_rng_untouched):
    there_and_back(fitted("embedder"), tmp_path)


@pytest.fixture
def released(tmp_path):
    """Return a function that writes a checkpoint as the released code does."""
    numbers = itertools.count()
    return lambda theirs: write_released(tmp_path / f"released-{next(numbers)}", theirs)


def test_released_encoders(released, motion, tmp_path):
    for layout, X in [
        (relcon_layout((1,), (8,), (3,)), motion[0]),
        (pulse_ppg_layout(4, n_blocks=5, kernel_size=3), motion[0][..., :1]),
    ]:
        embedder = RelConEmbedder.from_released_checkpoint(released(random_weights(layout)))
        found = there_and_back(embedder, tmp_path)
        assert_same(found, embedder, X)
        assert found.distance_ is None
        assert not hasattr(found, "n_features_in_")


def test_released_distances(released, motion, tmp_path):
    X = motion[0][:6]
    with np.load(VECTORS) as arrays:
        weights = {k: torch.from_numpy(v) for k, v in with_prefix(arrays, "xattn/").items()}
    for references in (X, None):
        distance = LearnedMotifDistance.from_released_checkpoint(
            released(weights), references=references
        )
        found = there_and_back(distance, tmp_path)
        assert comparable(found) == comparable(distance)
        np.testing.assert_array_equal(found.pairwise(X), distance.pairwise(X))
        if references is not None:
            np.testing.assert_array_equal(found.transform(X), distance.transform(X))
    net = MotifCrossAttention(3, embed_dim=8, kernel_size=5, n_layers=1)
    wide = fit(quick(), motion)
    wide._set_module("net_", net, Recipe(MotifCrossAttention, {**wide._recipes["net_"].kwargs}))
    wide._recipes["net_"].kwargs["kernel_size"] = 5
    found = there_and_back(wide, tmp_path)
    np.testing.assert_array_equal(found.pairwise(X), wide.pairwise(X))


# -- labels and targets ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["still", "wälk"]),
        np.array(["still", "walk"], dtype="U40"),
        np.array(["still", "walk"], dtype=object),
        np.array([3, -7]),
        np.array([2**63, 2**64 - 1], dtype=np.uint64),
        np.array([1, 2], dtype=np.int8),
        np.array([1, 2], dtype=">i4"),
        np.array([7.0, -2.0]),
        np.array([1.0, 2.0], dtype=">f4"),
        np.array([False, True]),
    ],
    ids=lambda labels: labels.dtype.str,
)
def test_labels(motion, tmp_path, labels):
    X, y, _ = motion
    y = labels[(y == y[0]).astype(int)]
    classifier = quick_classifier(max_epochs=0).fit(X, y)
    found = there_and_back(classifier, tmp_path)
    np.testing.assert_array_equal(found.classes_, classifier.classes_)
    assert found.classes_.dtype == classifier.classes_.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found.predict(X), classifier.predict(X))


@pytest.mark.parametrize("dtype", ["datetime64[D]", np.longdouble])
def test_labels_that_files_do_not_hold(motion, tmp_path, dtype):
    X, y, _ = motion
    classifier = quick_classifier(max_epochs=0).fit(X, (y == y[0]).astype(int).astype(dtype))
    with pytest.raises(ValueError, match="cannot be saved: classes_ has dtype"):
        classifier.save(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_class_weights_with_labels_of_any_kind(motion, tmp_path):
    X, y, _ = motion
    y = np.unique(y, return_inverse=True)[1]
    weights = {np.int64(c): 1.0 + c for c in range(6)}
    classifier = quick_classifier(max_epochs=0, class_weight=weights).fit(X, y)
    found = there_and_back(classifier, tmp_path)
    assert found.class_weight == weights
    assert {type(c) for c in found.class_weight} == {np.int64}


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 2)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_targets(motion, tmp_path, shape, order):
    X = motion[0]
    y = np.random.default_rng(0).normal(size=shape).astype(f"{order}f8")
    regressor = quick_regressor(max_epochs=0).fit(X[:, ::-1], y)
    found = there_and_back(regressor, tmp_path)
    assert found.predict(X).shape == shape
    np.testing.assert_array_equal(found.predict(X), regressor.predict(X))


def test_column_names_output_and_requests(motion, tmp_path):
    X = pd.DataFrame(motion[0][:, :12, 0], columns=[f"t{i}" for i in range(12)])
    with sklearn.config_context(enable_metadata_routing=True):
        distance = quick().set_fit_request(groups="person").set_output(transform="pandas")
        embedder = quick_embedder(distance=quick().set_fit_request(groups=True))
        embedder.set_score_request(groups=False)
    for estimator in (distance, embedder):
        estimator.fit(X, groups=motion[2])
        found = there_and_back(estimator, tmp_path)
        np.testing.assert_array_equal(found.feature_names_in_, X.columns)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            found.transform(X.to_numpy())
        pd.testing.assert_frame_equal(*(pd.DataFrame(e.transform(X)) for e in (found, estimator)))
        assert type(found.transform(X)) is type(estimator.transform(X))
        for nested in (False, True):
            if nested and estimator is distance:
                continue
            parts = [e.distance if nested else e for e in (found, estimator)]
            routings = [str(part.get_metadata_routing()) for part in parts]
            assert routings[0] == routings[1]
    assert "'person'" in str(there_and_back(distance, tmp_path).get_metadata_routing())


# -- what files do not hold ------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", [MyEncoder, NoMetaEncoder, lambda n_channels: MyEncoder(3)])
def test_encoders_of_ones_own(motion, tmp_path, encoder):
    embedder = fit(quick_embedder(encoder=encoder, distance=quick()), motion)
    name = f"tests.files.test_saved.{encoder.__qualname__}"
    with pytest.raises(
        ValueError,
        match=rf"lacks encoder, which was {name}. .* RelConEmbedder.load\(path, encoder=...\)",
    ):
        there_and_back(embedder, tmp_path)
    found = there_and_back(embedder, tmp_path, encoder=encoder)
    assert_same(found, embedder, motion[0])
    assert found.encoder_.gain.dtype == torch.bfloat16
    np.testing.assert_array_equal(
        outputs(fit(clone(found), motion), motion[0]), outputs(embedder, motion[0])
    )


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("resnet34", "encoder is 'resnet34'; expected a callable"),
        (None, "'encoder' parameter of RelConEmbedder must be"),
        (ResNet1D, "cannot be loaded: encoder_ lacks blocks.0"),
        (partial(nn.Conv1d, 3, 4), "unexpected keyword argument 'n_channels'"),
        (lambda n_channels: nn.Linear(3, 3), "cannot be loaded: encoder_ lacks bias, weight"),
    ],
)
def test_another_encoder_is_refused(motion, tmp_path, encoder, message):
    embedder = fit(quick_embedder(encoder=MyEncoder, distance=quick(), max_epochs=0), motion)
    with pytest.raises((ValueError, TypeError), match=message):
        there_and_back(embedder, tmp_path, encoder=encoder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_an_encoder_of_another_precision_is_refused(motion, tmp_path, dtype):
    embedder = fit(quick_embedder(encoder=NoMetaEncoder, distance=quick(), max_epochs=0), motion)

    def other(n_channels):
        encoder = NoMetaEncoder(n_channels)
        encoder.conv.to(dtype)
        return encoder

    with pytest.raises(ValueError, match=r"conv.weight in encoder_ is .*F32"):
        there_and_back(embedder, tmp_path, encoder=other)


def test_a_distance_of_ones_own(motion, tmp_path):
    embedder = fit(quick_embedder(), motion)
    with pytest.raises(
        ValueError, match=r"lacks distance, which was tests.support.reference.euclidean\. Pass"
    ):
        there_and_back(embedder, tmp_path)
    found = there_and_back(embedder, tmp_path, distance=euclidean)
    assert found.distance is found.distance_ is euclidean
    assert_same(found, embedder, motion[0])
    groups = motion[2]
    assert found.score(motion[0], groups=groups) == embedder.score(motion[0], groups=groups)
    for wrong in (None, 3):
        with pytest.raises(ValueError, match="distance"):
            there_and_back(embedder, tmp_path, distance=wrong)


def parameter(estimator, name):
    for part in name.split("__"):
        estimator = getattr(estimator, part)
    return estimator


def test_names_of_what_is_within(motion, tmp_path):
    distance = fit(quick(augmentation=shuffled), motion)
    embedder = fit(
        quick_embedder(
            distance=quick(augmentation=MyAugmentation()), encoder=MyEncoder, callbacks=[Quiet()]
        ),
        motion,
    )
    frozen = fit(quick_embedder(distance=FrozenEstimator(distance), encoder=MyEncoder), motion)
    classifier = fit(quick_classifier(encoder=FrozenEstimator(frozen)), motion)
    pretraining = fit(
        quick_classifier(encoder=quick_embedder(distance=quick(), encoder=MyEncoder)), motion
    )
    mine = MyAugmentation()
    for estimator, given in [
        (distance, {"augmentation": shuffled}),
        (distance, {"augmentation": None}),
        (embedder, {"encoder": MyEncoder, "distance__augmentation": mine, "callbacks": None}),
        (frozen, {"encoder": MyEncoder, "distance__estimator__augmentation": shuffled}),
        (
            classifier,
            {
                "encoder__estimator__encoder": MyEncoder,
                "encoder__estimator__distance__estimator__augmentation": shuffled,
            },
        ),
        (pretraining, {"encoder__encoder": MyEncoder}),
    ]:
        found = there_and_back(estimator, tmp_path, **given)
        np.testing.assert_array_equal(outputs(found, motion[0]), outputs(estimator, motion[0]))
        assert {name: parameter(found, name) for name in given} == given
        with pytest.raises(ValueError, match=" lacks ") as error:
            there_and_back(estimator, tmp_path)
        assert all(f"{name}=..." in str(error.value) for name in given)
        idle = sorted(name for name in given if name.endswith(("augmentation", "callbacks")))
        assert str(error.value).endswith(
            f" None is enough for {', '.join(idle)} unless you train again." if idle else "...)."
        )
    found = there_and_back(
        embedder, tmp_path, encoder=MyEncoder, distance__augmentation=mine, callbacks=[]
    )
    assert found.distance.augmentation is found.distance_.augmentation is mine


def test_references_taken_out(motion, tmp_path):
    """References are segments of a person, and may be removed before a file is shared."""
    embedder = fit(quick_embedder(distance=quick()), motion)
    distance = embedder.distance_
    distance.references_ = distance.references_[:0]
    distance.reference_rows_ = distance.reference_rows_[:0]
    found = there_and_back(embedder, tmp_path)
    assert found.distance_.references_.shape == (0, 64, 3)
    assert_same(found, embedder, motion[0])
    groups = motion[2]
    assert found.score(motion[0], groups=groups) == embedder.score(motion[0], groups=groups)


def test_parameters_changed_since(motion, tmp_path):
    """The fitted state is separate from the parameters of the next fit."""
    X = motion[0]
    embedder = fit(quick_embedder(encoder=MyEncoder, distance=quick(augmentation=shuffled)), motion)
    embedder.set_params(encoder="resnet34", distance=None)
    given = {"encoder_": MyEncoder, "distance___augmentation": shuffled}
    found = there_and_back(embedder, tmp_path, **given)
    assert_same(found, embedder, X)
    embedder.set_params(encoder=tiny_encoder, distance=quick(augmentation=MyAugmentation()))
    mine = MyAugmentation()
    found = there_and_back(embedder, tmp_path, distance__augmentation=mine, **given)
    assert (found.distance.augmentation, found.distance_.augmentation) == (mine, shuffled)
    distance = fit(quick(), motion).set_params(embed_dim=64, n_layers=0, attention="softmax")
    assert_same(there_and_back(distance, tmp_path), distance, X)


CHANGED = {
    "sampling_rate": 20.0,
    "n_channels": 3,
    "encoder": "resnet34-half",
    "head": "mlp",
    "freeze": "encoder",
    "projection": None,
    "feature_weight": 0.0,
    "scale_targets": False,
    "revin": False,
}


@pytest.mark.parametrize("name", ["distance", "embedder, preset", "classifier", "regressor"])
def test_parameters_of_the_next_fit_are_not_those_of_the_weights(fitted, motion, tmp_path, name):
    estimator = copy.deepcopy(fitted(name))
    estimator.sampling_rate_ = 50.0  # as of a fit to segments of this rate
    expected = outputs(estimator, motion[0])
    estimator.set_params(**{k: v for k, v in CHANGED.items() if k in estimator.get_params()})
    found = there_and_back(estimator, tmp_path)
    assert (found.sampling_rate, found.sampling_rate_) == (20, 50)
    np.testing.assert_array_equal(outputs(found, motion[0]), expected)
    assert_same(found, estimator, motion[0])
    at_50_hz = LazyWindows([motion[0].reshape(-1, 3)], motion[0].shape[1], sampling_rate=50)
    np.testing.assert_array_equal(outputs(found, at_50_hz), expected)


def test_only_what_is_lacking_may_be_given(fitted, tmp_path):
    with pytest.raises(
        ValueError, match=r"encoder, lr cannot be given: .*nothing here.*set_params"
    ):
        there_and_back(fitted("embedder"), tmp_path, encoder=MyEncoder, lr=1.0)


@pytest.mark.parametrize("callbacks", [[Quiet()], (Quiet(),)])
def test_callbacks(motion, tmp_path, callbacks):
    distance = fit(quick(callbacks=callbacks), motion)
    with pytest.raises(
        ValueError, match=r"callbacks, which was \[a tests.files.test_saved.Quiet\]"
    ):
        there_and_back(distance, tmp_path)
    assert there_and_back(distance, tmp_path, callbacks=None).callbacks is None


def test_checkpoint_dir_stays_on_the_machine(motion, tmp_path):
    folder = str(tmp_path / "checkpoints")
    embedder = fit(tiny_embedder(max_epochs=1, checkpoint_dir=folder), motion)
    found = there_and_back(embedder, tmp_path)
    assert found.checkpoint_dir is None
    assert found.distance_.checkpoint_dir is None
    assert embedder.checkpoint_dir == folder
    assert folder.encode() not in (tmp_path / "file").read_bytes()
    np.testing.assert_array_equal(outputs(found, motion[0]), outputs(embedder, motion[0]))


def test_attributes_that_someone_has_added(motion, tmp_path):
    distance = fit(quick(), motion)
    distance.note = "of Tuesday"
    with pytest.warns(
        UserWarning, match="that LearnedMotifDistance does not define are not saved: note"
    ):
        found = there_and_back(distance, tmp_path)
    assert not hasattr(found, "note")


# -- devices ---------------------------------------------------------------------------------------


def test_trained_on_a_device_that_is_not_here(motion, tmp_path):
    distance = fit(quick(), motion)
    embedder = fit(quick_embedder(distance=FrozenEstimator(distance)), motion)
    expected = embedder.transform(motion[0])
    embedder.set_params(device="cuda:7")
    distance.set_params(device=torch.device("cuda:7"))
    embedder.save(tmp_path / "file")
    found = RelConEmbedder.load(tmp_path / "file")
    assert found.device == "cuda:7"
    assert found.distance_.device == torch.device("cuda:7")
    assert all(p.device.type == "cpu" for p in found.encoder_.parameters())
    found = RelConEmbedder.load(tmp_path / "file", device="cpu")
    assert found.device == found.distance_.device == found.distance.estimator.device == "cpu"
    np.testing.assert_array_equal(found.transform(motion[0]), expected)
    with pytest.raises(ValueError, match="'device' parameter") as error:
        RelConEmbedder.load(tmp_path / "file", device=3)
    assert not isinstance(error.value, DamagedFileError)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [quick, quick_embedder, quick_classifier, quick_regressor])
def test_not_fitted(tmp_path, make):
    with pytest.raises(NotFittedError):
        make().save(tmp_path / "file")
    with pytest.raises(NotFittedError):
        make().save_pretrained(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_another_class(fitted, tmp_path):
    fitted("embedder").save(tmp_path / "file")
    for kind in (LearnedMotifDistance, RelConClassifier, RelConRegressor):
        with pytest.raises(
            ValueError, match=r"it holds a RelConEmbedder; use RelConEmbedder.load"
        ) as error:
            kind.load(tmp_path / "file")
        assert not isinstance(error.value, DamagedFileError)
        holds_embedders = kind is not LearnedMotifDistance
        assert ("takes it in encoder=FrozenEstimator" in str(error.value)) is holds_embedders


class Mine(LearnedMotifDistance):
    pass


def test_subclasses(fitted, motion, tmp_path):
    mine = fit(Mine(embed_dim=8, max_epochs=0), motion)
    with pytest.raises(ValueError, match=r"Mine cannot be saved: .* no subclasses .* joblib.dump"):
        mine.save(tmp_path / "file")
    fitted("distance").save(tmp_path / "file")
    with pytest.raises(ValueError, match=r"use LearnedMotifDistance.load"):
        Mine.load(tmp_path / "file")
    # Nested in another estimator it is code, like a callable.
    embedder = fit(quick_embedder(distance=FrozenEstimator(mine)), motion)
    found = there_and_back(embedder, tmp_path, distance=euclidean, distance_=euclidean)
    np.testing.assert_array_equal(outputs(found, motion[0]), outputs(embedder, motion[0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(motion, tmp_path, value):
    embedder = fit(quick_embedder(), motion)
    with torch.no_grad():
        embedder.encoder_.stem_conv.weight[0, 0, 0] = value
    with pytest.raises(ValueError, match=r"saved: encoder_.stem_conv.weight holds NaN or infinity"):
        embedder.save(tmp_path / "file")


def test_invalid_parameters(motion, tmp_path):
    distance = fit(quick(), motion).set_params(lr=-1)
    with pytest.raises(ValueError, match="'lr' parameter of LearnedMotifDistance"):
        distance.save(tmp_path / "file")


def test_an_output_that_is_none(motion, tmp_path):
    distance = fit(quick(), motion).set_output(transform="xarray")
    with pytest.raises(ValueError, match=r"cannot be saved: set_output\(transform='xarray'\)"):
        distance.save(tmp_path / "file")


def test_state_that_is_no_tensor(motion, tmp_path):
    class Extra(MyEncoder):
        def get_extra_state(self):
            return {"count": 3}

        def set_extra_state(self, state):
            pass

    embedder = fit(quick_embedder(encoder=MyEncoder, max_epochs=0), motion)
    embedder.encoder_ = Extra(3)
    with pytest.raises(ValueError, match="_extra_state, a dict, in its state dict"):
        embedder.save(tmp_path / "file")


# -- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_paths(fitted, motion, tmp_path, kind):
    distance = fitted("distance")
    for name in ("model", "model.safetensors", "ünter motion.bin"):
        distance.save(kind(tmp_path / name))
        assert_same(LearnedMotifDistance.load(kind(tmp_path / name)), distance, motion[0])
    assert len(list(tmp_path.iterdir())) == 3


def test_folders_and_what_is_not_there(fitted, tmp_path):
    distance = fitted("distance")
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Pass the path of a file in it"):
        distance.save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*none to save model in"):
        distance.save(tmp_path / "none" / "model")
    with pytest.raises(IsADirectoryError, match=r"Use LearnedMotifDistance.from_pretrained"):
        LearnedMotifDistance.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="none"):
        LearnedMotifDistance.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="download one from a hub first"):
        LearnedMotifDistance.from_pretrained("someone/motion-model")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        LearnedMotifDistance.from_pretrained(tmp_path)
    (tmp_path / "text").write_text("no model")
    with pytest.raises(
        DamagedFileError, match="text cannot be loaded: it is truncated, or not a safe"
    ):
        LearnedMotifDistance.load(tmp_path / "text")
    with pytest.raises(FileExistsError):
        distance.save_pretrained(tmp_path / "text")


def test_pretrained(fitted, motion, tmp_path):
    embedder = fitted("embedder")
    folder = tmp_path / "some" / "model"
    for _ in range(2):
        embedder.save_pretrained(folder)
    assert [p.name for p in folder.iterdir()] == ["model.safetensors"]
    for path in (folder, str(folder), folder / "model.safetensors"):
        assert_same(RelConEmbedder.from_pretrained(path), embedder, motion[0])
    assert RelConEmbedder.from_pretrained(folder, device="cpu").device == "cpu"
    own = fit(quick_embedder(), motion)
    own.save_pretrained(folder)
    assert RelConEmbedder.from_pretrained(folder, distance=euclidean).distance_ is euclidean


def test_a_device_with_a_distance_that_has_none(motion, tmp_path):
    embedder = fit(quick_embedder(distance="features"), motion)
    embedder.save(tmp_path / "file")
    found = RelConEmbedder.load(tmp_path / "file", device="cpu")
    assert found.device == "cpu"
    np.testing.assert_array_equal(outputs(found, motion[0]), outputs(embedder, motion[0]))


def test_a_full_disk_leaves_the_file_that_was_there(fitted, motion, tmp_path, monkeypatch):
    old, new = fitted("distance"), fitted("distance, untrained")
    old.save(tmp_path / "file")

    with monkeypatch.context() as patch:
        patch.setattr(_atomic, "open", FullDisk(1000).open, raising=False)
        with pytest.raises(OSError, match="No space left"):
            new.save(tmp_path / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert_same(LearnedMotifDistance.load(tmp_path / "file"), old, motion[0])
    new.save(tmp_path / "file")
    assert_same(LearnedMotifDistance.load(tmp_path / "file"), new, motion[0])
