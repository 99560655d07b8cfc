"""Settings of the distance for CPUs: valid, smaller than the defaults, changed by parameters."""

from relcon_sklearn import LearnedMotifDistance


def test_settings_are_valid_and_smaller_than_the_defaults():
    distance, default = LearnedMotifDistance.for_cpu(), LearnedMotifDistance()
    distance._validate_params()
    assert not distance.__sklearn_is_fitted__()
    assert distance.batch_size < default.batch_size


def test_given_parameters_take_precedence():
    distance = LearnedMotifDistance.for_cpu(max_epochs=3, validation_fraction=0)
    rest = {"max_epochs": LearnedMotifDistance.for_cpu().max_epochs, "validation_fraction": 0.1}
    assert (distance.max_epochs, distance.validation_fraction) == (3, 0)
    assert repr(distance.set_params(**rest)) == repr(LearnedMotifDistance.for_cpu())
