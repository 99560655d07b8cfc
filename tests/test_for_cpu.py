"""Settings for CPUs: valid, smaller than the defaults, and changed by parameters."""

import pytest

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from tests.support.reference import euclidean


@pytest.mark.parametrize("kind", [LearnedMotifDistance, RelConEmbedder])
def test_settings_are_valid_and_smaller_than_the_defaults(kind):
    estimator, default = kind.for_cpu(), kind()
    estimator._validate_params()
    assert type(estimator) is kind
    assert not estimator.__sklearn_is_fitted__()
    assert estimator.batch_size < default.batch_size


@pytest.mark.parametrize("kind", [LearnedMotifDistance, RelConEmbedder])
def test_given_parameters_take_precedence(kind):
    estimator = kind.for_cpu(max_epochs=3, validation_fraction=0)
    rest = {"max_epochs": kind.for_cpu().max_epochs, "validation_fraction": 0.1}
    assert (estimator.max_epochs, estimator.validation_fraction) == (3, 0)
    assert repr(estimator.set_params(**rest)) == repr(kind.for_cpu())


def test_the_distance_is_for_cpus_or_the_given_one():
    assert repr(RelConEmbedder.for_cpu().distance) == repr(LearnedMotifDistance.for_cpu())
    assert RelConEmbedder.for_cpu(euclidean).distance is euclidean


def test_fit(motion):
    X, _, subjects = motion
    embedder = RelConEmbedder.for_cpu(LearnedMotifDistance.for_cpu(max_epochs=1), max_epochs=1)
    assert embedder.fit(X, groups=subjects).transform(X).shape == (len(X), 256)


def test_the_distance_computes_and_reports_as_the_embedder_does():
    distance = RelConEmbedder.for_cpu(device="cpu", verbose=2).distance
    assert (distance.device, distance.verbose) == ("cpu", 2)
