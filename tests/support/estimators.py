"""Estimators small enough to be fitted in a test."""

from functools import partial

from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder, RelConRegressor
from relcon_sklearn.nn import ResNet1D

tiny_encoder = partial(ResNet1D, n_blocks=(1,), widths=(8,), kernel_sizes=(3,))


def tiny_distance(**kwargs):
    settings = {"embed_dim": 8, "n_layers": 1, "max_epochs": 2, "batch_size": 8, "n_references": 8}
    return LearnedMotifDistance(**(settings | {"random_state": 0} | kwargs))


def tiny_embedder(**kwargs):
    settings = {
        "distance": tiny_distance(),
        "encoder": tiny_encoder,
        "n_within": 3,
        "n_positives": None,
        "augmentation": None,
        "projection": None,
        "feature_weight": 0,
        "max_epochs": 2,
        "steps_per_epoch": None,
        "batch_size": 8,
        "lr": 1e-3,
        "validation_fraction": 0.1,
        "random_state": 0,
    }
    return RelConEmbedder(**(settings | kwargs))


# A learning rate for few steps, and enough steps for the scores that scikit-learn's checks require.
_SUPERVISED = {
    "encoder": tiny_encoder,
    "max_epochs": 20,
    "batch_size": 32,
    "lr": 0.1,
    "random_state": 0,
}


def tiny_classifier(**kwargs):
    return RelConClassifier(**(_SUPERVISED | kwargs))


def tiny_regressor(**kwargs):
    return RelConRegressor(**(_SUPERVISED | kwargs))


def score_of(transformer, X, groups):
    """Return the score of a distance, or of an embedder with groups."""
    takes_groups = isinstance(transformer, RelConEmbedder)
    return transformer.score(X, groups=groups) if takes_groups else transformer.score(X)
