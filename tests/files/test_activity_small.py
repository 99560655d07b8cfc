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
        [0.02177, 0.40158, 0.0048, 0.00333, 0.53999, 0.00031, 0.0275, 0.00072],
        [0.29243, 0.0074, 0.20022, 0.00985, 0.02567, 0.06977, 0.35932, 0.03533],
        [0.02976, 0.00088, 0.33256, 0.03959, 0.09215, 0.06976, 0.03151, 0.40378],
        [0.0091, 0.00139, 0.09949, 0.85814, 0.00207, 0.00318, 0.00372, 0.0229],
    ],
    "activity-small-wrist": [
        [0.00272, 0.70855, 0.00055, 0.00017, 0.28676, 2e-05, 0.0012, 3e-05],
        [0.11687, 0.00367, 0.41116, 0.00251, 0.00357, 0.10361, 0.34723, 0.01137],
        [9e-05, 4e-05, 0.29144, 0.02511, 0.01212, 0.02706, 0.0018, 0.64234],
        [0.00013, 4e-05, 0.04003, 0.94807, 9e-05, 0.00343, 0.00069, 0.00754],
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
