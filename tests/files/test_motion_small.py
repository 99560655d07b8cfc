"""The model of the package: its weights, and what it makes of a fixed input."""

import copy
import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import relcon_sklearn
from relcon_sklearn import LazyWindows, RelConClassifier, RelConEmbedder, list_pretrained
from relcon_sklearn.datasets import make_motion

# Of the weights. The file has a card too, whose numbers change when more is measured.
CHECKSUM = "fdcd93c37977f8c2"
GOLDEN = [
    [-1.12506, 6.99772, 0.40826, 0.31376, 0.27091],
    [-0.36031, -2.9637, 3.06553, 0.32774, 0.29432],
    [-1.21191, -4.54537, 3.27159, 0.19594, 0.34728],
    [-1.22857, -3.17991, 3.01908, 0.37393, 0.85729],
]
NORMS = [56.4511, 48.223, 49.278, 53.8171]


def weights_checksum(embedder):
    content = hashlib.sha256()
    for value in embedder.encoder_.state_dict().values():
        content.update(value.numpy().tobytes())
    return content.hexdigest()[:16]


@pytest.fixture(scope="module")
def model():
    return RelConEmbedder.from_pretrained("motion-small")


@pytest.fixture
def fixed():
    """Return four segments: still, trembling, walking, and running."""
    time = np.arange(128) / 50
    signals = [
        np.stack([amplitude * np.sin(2 * np.pi * f * time + phase) for phase in (0, 1, 2)], axis=1)
        for amplitude, f in [(0, 1), (0.02, 1), (0.3, 1.8), (0.8, 2.7)]
    ]
    gravity = np.array([0.6, 0, 0.8])
    return (np.stack(signals) + gravity).astype(np.float32)


def test_the_weights_are_those_of_the_card(model):
    assert weights_checksum(model) == CHECKSUM


def test_golden_embeddings(model, fixed):
    Z = model.transform(fixed)
    assert Z.shape == (4, 448)
    np.testing.assert_allclose(Z[:, ::90], GOLDEN, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), NORMS, rtol=1e-4)


def test_bfloat16_keeps_small_movements_beside_gravity(model):
    noise = 0.01 * np.random.default_rng(0).normal(size=(64, 128, 3))
    segments = (noise + np.array([0, 0.6, 0.8])).astype(np.float32)
    exact = model.transform(segments)
    lower = copy.deepcopy(model).set_params(precision="bfloat16").transform(segments)
    # 0.08 if the first convolution were in bfloat16 too.
    assert 0 < np.linalg.norm(lower - exact) < 0.02 * np.linalg.norm(exact)


def test_nothing_is_downloaded(monkeypatch, fixed):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    RelConEmbedder.from_pretrained("motion-small").transform(fixed)


def test_the_file_is_small_and_in_the_package():
    assert "motion-small" in list_pretrained()
    path = Path(relcon_sklearn.__file__).parent / "weights" / "motion-small.safetensors"
    assert path.stat().st_size < 4e6


def test_it_knows_its_input(model, fixed):
    assert (model.sampling_rate_, model.n_channels_in_, model.n_features_in_) == (50, 3, 128)
    with pytest.raises(ValueError, match="X has 6 channels"):
        model.transform(np.concatenate([fixed, fixed], axis=2))
    windows = LazyWindows([np.concatenate(fixed)], n_timesteps=128, sampling_rate=100)
    with pytest.raises(ValueError, match="100 Hz"):
        model.transform(windows)
    with pytest.warns(UserWarning, match="magnitude"):
        model.transform(9.81 * fixed)
    with pytest.warns(UserWarning, match="magnitude"):
        model.transform(fixed - np.array([0.6, 0, 0.8]))
    running = 2 * (fixed[3:] - np.array([0.6, 0, 0.8]))
    with pytest.warns(UserWarning, match="Gravity is missing"):
        model.transform(running)
    assert model.transform(np.concatenate([fixed] * 4, axis=1)).shape == (4, 448)  # 10 s


def test_the_card_names_data_and_licence(model):
    for expected in ("# motion-small", "CC BY 4.0", "Altun", "Nurse stress", "Not for"):
        assert expected in model.card_


def test_it_works_in_pipelines_and_fine_tuning(model):
    X, activity, subject, *_ = make_motion(
        120, n_subjects=4, n_timesteps=128, sampling_rate=50, random_state=0
    )
    frozen = FrozenEstimator(model)
    scores = make_pipeline(frozen, LogisticRegression(max_iter=2000)).fit(X, activity)
    assert scores.score(X, activity) > 0.9
    tuned = RelConClassifier(frozen, max_epochs=1, validation_fraction=0, random_state=0)
    assert tuned.fit(X, activity, groups=subject).predict(X).shape == (120,)
    assert np.isfinite(model.score(X))
