"""The published settings, and that a fit with them is the published method."""

import numpy as np
import torch

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from tests.support.estimators import tiny_distance


def test_settings_of_the_encoder_are_those_of_the_paper():
    embedder = RelConEmbedder.published()
    # Section 3.2 and appendix of arXiv:2411.18822, and the released code.
    assert (embedder.n_within, embedder.batch_size, embedder.temperature) == (20, 64, 0.1)
    assert embedder.lr == 1e-6
    assert embedder.candidates == "independent"
    assert embedder.encoder == "relcon"
    assert embedder.feature_weight == 0
    assert embedder.distance is None  # a LearnedMotifDistance
    for name in ("n_between", "n_positives", "augmentation", "projection", "steps_per_epoch"):
        assert getattr(embedder, name) is None, name


def test_settings_of_the_distance_are_those_of_the_paper():
    assert (
        RelConEmbedder.published()._distance().get_params() == LearnedMotifDistance().get_params()
    )
    distance = LearnedMotifDistance()
    assert distance.query_stride == 1
    assert (distance.embed_dim, distance.n_layers, distance.dropout) == (64, 2, 0.1)
    assert (distance.attention, distance.revin, distance.augmentation) == ("sparsemax", True, None)
    assert (distance.batch_size, distance.lr, distance.max_epochs) == (64, 1e-3, 10)


def test_the_encoder_is_the_published_one(motion):
    X, _, subjects = motion
    embedder = RelConEmbedder.published(tiny_distance(), max_epochs=0, random_state=0)
    embeddings = embedder.fit(X, groups=subjects).transform(X)
    assert embeddings.shape == (len(X), 256)
    widths = [stage[-1].conv2.out_channels for stage in embedder.encoder_.stages()]
    assert widths == [64, 128, 256]
    map_of_first = embedder.encoder_.feature_map(_as_tensor(X[:1]))
    np.testing.assert_allclose(
        embeddings[0], map_of_first.mean(2)[0].detach(), rtol=1e-4, atol=1e-5
    )


def test_parameters_take_precedence():
    embedder = RelConEmbedder.published(lr=1e-3, n_within=4)
    assert (embedder.lr, embedder.n_within, embedder.batch_size) == (1e-3, 4, 64)


def _as_tensor(X):
    return torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).transpose(1, 2)
