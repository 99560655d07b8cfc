import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn.nn import sparsemax
from relcon_sklearn.nn._sparsemax import sparsemax_
from tests.support.reference import sparsemax_by_sorting


def scores_of(shape, scale, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=dtype)


sizes = st.integers(1, 300)
scales = st.sampled_from([0.0, 1e-3, 0.1, 1.0, 8.0, 1e3])


@given(sizes, scales, st.floats(-100, 100), st.integers(0, 99))
def test_equals_the_sorting_algorithm(n, scale, shift, seed):
    scores = scores_of((4, n), scale, seed) + shift
    expected = np.stack([sparsemax_by_sorting(row) for row in scores])
    np.testing.assert_allclose(sparsemax(scores), expected, atol=1e-9)
    np.testing.assert_allclose(sparsemax(scores.float()), expected, atol=2e-5)


@given(sizes, scales, st.integers(0, 99))
def test_gives_a_distribution(n, scale, seed):
    weights = sparsemax(scores_of((3, n), scale, seed, torch.float32))
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3), atol=1e-5, rtol=0)


@given(st.integers(2, 40), st.sampled_from([0.1, 1.0, 8.0]), st.integers(0, 99))
def test_gradient_equals_finite_differences(n, scale, seed):
    scores = scores_of((2, n), scale, seed).requires_grad_()
    assert torch.autograd.gradcheck(sparsemax, scores, eps=1e-7, atol=1e-5)


def test_ties_share_the_weight():
    assert torch.equal(sparsemax(torch.full((2, 4), 3.0)), torch.full((2, 4), 0.25))


def test_a_high_level_of_scores_loses_no_digits():
    low = torch.tensor([[0.0, 0.25, 0.5]])
    torch.testing.assert_close(sparsemax(low + 4096), sparsemax(low))


def test_the_input_is_not_changed_and_the_in_place_form_agrees():
    scores = scores_of((2, 5), 1.0, 0)
    before = scores.clone()
    expected = sparsemax(scores)
    assert torch.equal(scores, before)
    assert torch.equal(sparsemax_(scores), expected)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 3), (5,), (2, 3, 4, 5)])
def test_any_leading_shape(shape):
    assert sparsemax(scores_of(shape, 1.0, 0)).shape == shape


def test_nan_causes_no_endless_loop():
    assert sparsemax(torch.tensor([[float("nan"), 1.0]])).isnan().any()


def test_matches_the_released_network(vectors):
    torch.testing.assert_close(
        sparsemax(vectors["sparsemax_in"]), vectors["sparsemax_out"], rtol=1e-4, atol=1e-6
    )
