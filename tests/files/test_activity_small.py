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
        [0.05397, 0.70462, 0.00008, 0.01247, 0.21042, 0.0006, 0.01761, 0.00023],
        [0.3416, 0.01865, 0.06845, 0.02166, 0.04766, 0.08193, 0.34357, 0.07648],
        [0.03939, 0.00382, 0.18224, 0.03315, 0.00843, 0.09149, 0.02216, 0.61933],
        [0.03033, 0.00402, 0.09363, 0.83274, 0.00308, 0.00771, 0.00502, 0.02346],
    ],
    "activity-small-wrist": [
        [0.00054, 0.99371, 0.0, 0.00007, 0.00565, 0.0, 0.00002, 0.0],
        [0.22483, 0.02386, 0.14567, 0.00586, 0.00701, 0.08492, 0.45722, 0.05063],
        [0.0016, 0.00167, 0.15756, 0.01687, 0.00047, 0.07605, 0.0037, 0.74206],
        [0.00128, 0.00103, 0.04274, 0.94106, 0.00017, 0.00655, 0.00152, 0.00566],
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
