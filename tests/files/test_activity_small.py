"""The models of activities in the package: probabilities of a fixed input, and their files."""

import socket
from pathlib import Path

import numpy as np
import pytest

import relcon_sklearn
from relcon_sklearn import RelConClassifier, list_pretrained

NAMES = ["activity-small", "activity-small-wrist"]
CLASSES = [
    *("cycling", "lying", "other movement", "running"),
    *("sitting", "stairs", "standing", "walking"),
]
GOLDEN = {
    "activity-small": [
        [0.01554, 0.39242, 0.00015, 0.01539, 0.53891, 0.00079, 0.03643, 0.00037],
        [0.37293, 0.0119, 0.09828, 0.01702, 0.02512, 0.07151, 0.32793, 0.07533],
        [0.04452, 0.00186, 0.2042, 0.04146, 0.01202, 0.07152, 0.01531, 0.60913],
        [0.01554, 0.00117, 0.08513, 0.87845, 0.00022, 0.00353, 0.00181, 0.01416],
    ],
    "activity-small-wrist": [
        [0.0066, 0.79342, 0.0001, 0.00838, 0.18823, 0.00124, 0.00184, 0.00019],
        [0.08892, 0.0024, 0.65495, 0.00587, 0.00053, 0.13871, 0.08424, 0.02438],
        [0.00012, 0.00012, 0.16501, 0.01725, 9e-05, 0.04462, 0.0002, 0.77258],
        [8e-05, 5e-05, 0.02235, 0.97419, 0.0, 0.0019, 4e-05, 0.00138],
    ],
}


@pytest.fixture(scope="module")
def models():
    return {name: RelConClassifier.from_pretrained(name) for name in NAMES}


@pytest.fixture
def fixed():
    """Return four segments of 10 s: still, trembling, walking, and running."""
    time = np.arange(500) / 50
    signals = [
        np.stack([amplitude * np.sin(2 * np.pi * f * time + phase) for phase in (0, 1, 2)], axis=1)
        for amplitude, f in [(0, 1), (0.02, 1), (0.3, 1.8), (0.8, 2.7)]
    ]
    gravity = np.array([0.6, 0, 0.8])
    return (np.stack(signals) + gravity).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_golden_probabilities(name, models, fixed):
    model = models[name]
    assert model.classes_.tolist() == CLASSES
    np.testing.assert_allclose(model.predict_proba(fixed), GOLDEN[name], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_labels(name, models, fixed):
    still, _, walking, running = models[name].predict(fixed)
    assert still in ("lying", "sitting", "standing")
    assert (walking, running) == ("walking", "running")


def test_nothing_is_downloaded(monkeypatch, fixed):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    RelConClassifier.from_pretrained(NAMES[0]).predict(fixed)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_small_and_in_the_package(name):
    assert name in list_pretrained()
    path = Path(relcon_sklearn.__file__).parent / "weights" / f"{name}.safetensors"
    assert path.stat().st_size < 1.5e6


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_encoder_of_the_package(name, models):
    """After a training of motion-small, activity_weights must be run again."""
    embedder = relcon_sklearn.RelConEmbedder.from_pretrained("motion-small")
    expected = embedder.encoder_.state_dict()
    for key, value in models[name].encoder_.state_dict().items():
        np.testing.assert_array_equal(value, expected[key])


@pytest.mark.parametrize("name", NAMES)
def test_it_knows_its_input(name, models, fixed):
    model = models[name]
    assert (model.sampling_rate_, model.n_channels_in_, model.n_features_in_) == (50, 3, 500)
    with pytest.warns(UserWarning, match="magnitude"):
        model.predict(9.81 * fixed)
    with pytest.warns(UserWarning, match="magnitude"):
        model.predict(fixed - np.array([0.6, 0, 0.8]))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_names_limits_data_and_licence(name, models):
    for expected in (f"# {NAMES[0]}", "Free living", "CC BY 4.0", "Altun", "Reyes-Ortiz", "Weiss"):
        assert expected in models[name].card_


def test_another_class_names_the_right_one():
    with pytest.raises(ValueError, match=r"RelConClassifier\.from_pretrained"):
        relcon_sklearn.RelConEmbedder.from_pretrained(NAMES[0])
