import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import relative_contrastive_loss_by_loops, relative_error

from relcon_sklearn.nn import ranking_likelihood_loss, relative_contrastive_loss


def random_problem(n, n_anchors, k, missing, seed):
    rng = np.random.default_rng(seed)
    embeddings = torch.from_numpy(rng.normal(size=(n, 5)))
    anchors = torch.from_numpy(rng.integers(0, n, n_anchors))
    candidates = rng.integers(0, n, (n_anchors, k))
    candidates[rng.random((n_anchors, k)) < missing] = -1
    distances = torch.from_numpy(rng.normal(size=(n_anchors, k)).astype(np.float32))
    return embeddings, anchors, torch.from_numpy(candidates), distances


@given(
    st.integers(1, 8),
    st.integers(1, 6),
    st.integers(0, 7),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.05, 0.1, 1.0]),
    st.integers(0, 99),
)
def test_equals_the_loop_over_terms(n, n_anchors, k, missing, temperature, seed):
    problem = random_problem(n, n_anchors, k, missing, seed)
    actual = relative_contrastive_loss(*problem, temperature)
    expected = torch.as_tensor(relative_contrastive_loss_by_loops(*problem, temperature))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@given(st.integers(2, 6), st.integers(1, 5), st.sampled_from([0.0, 0.4]), st.integers(0, 99))
def test_gradient_equals_that_of_the_loop(n, k, missing, seed):
    embeddings, *rest = random_problem(n, 3, k, missing, seed)
    gradients = []
    for loss in (relative_contrastive_loss, relative_contrastive_loss_by_loops):
        z = embeddings.clone().requires_grad_()
        value = loss(z, *rest, 0.1)
        if isinstance(value, torch.Tensor):
            value.backward()
        gradients.append(torch.zeros_like(z) if z.grad is None else z.grad)
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-4)


def test_missing_candidates_do_not_count_whatever_their_distance():
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    anchors = torch.tensor([0])
    full = relative_contrastive_loss(z, anchors, torch.tensor([[1, 2]]), torch.tensor([[2.0, 1.0]]))
    for filler in (-1e9, 0.0, float("nan"), float("inf")):
        padded = relative_contrastive_loss(
            z, anchors, torch.tensor([[1, -1, 2]]), torch.tensor([[2.0, filler, 1.0]])
        )
        torch.testing.assert_close(padded, full)


def test_an_anchor_without_candidates_costs_nothing():
    z = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = relative_contrastive_loss(z, torch.tensor([0]), torch.tensor([[-1]]), torch.zeros(1, 1))
    loss.backward()
    assert loss == 0
    assert torch.isfinite(z.grad).all()


def test_is_lowest_for_similarities_in_the_order_of_the_distances():
    scores = torch.tensor([[3.0, 1.0, -2.0]])
    in_order = ranking_likelihood_loss(scores)
    for order in ([0, 2, 1], [1, 0, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]):
        assert ranking_likelihood_loss(scores[:, order]) > in_order


def test_half_precision_embeddings_are_computed_in_float32():
    z = torch.randn(9, 8, generator=torch.Generator().manual_seed(0))
    problem = (torch.arange(3), torch.arange(9).expand(3, 9), torch.arange(27.0).view(3, 9))
    half = relative_contrastive_loss(z.bfloat16(), *problem)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, relative_contrastive_loss(z, *problem), rtol=0.05, atol=0)


def released_problem(vectors):
    """Positions 0..6 of a column are the other anchors, 7.. the anchor's own candidates."""
    anchors, own = vectors["loss_emb_anchors"], vectors["loss_emb_cands"]
    n, n_own = own.shape[:2]
    b = torch.arange(n)[:, None]
    between = (b + 1 + torch.arange(n - 1)) % n
    within = n + b * n_own + torch.arange(n_own)
    candidates = torch.cat([between, within], dim=1)
    distances = vectors["loss_sortedinds"].T.argsort(dim=1).float()
    return anchors, own, candidates, distances


def test_matches_the_released_loss_and_its_gradients(vectors):
    anchors, own, candidates, distances = released_problem(vectors)
    anchors, own = anchors.clone().requires_grad_(), own.clone().requires_grad_()
    embeddings = torch.cat([anchors, own.flatten(0, 1)])
    loss = relative_contrastive_loss(
        embeddings, torch.arange(8), candidates, distances, vectors["loss_tau"].item()
    )
    loss.backward()
    assert loss.item() == pytest.approx(vectors["loss_value"].item(), rel=1e-5)
    assert relative_error(anchors.grad, vectors["loss_grad_anchors"]) < 1e-4
    assert relative_error(own.grad, vectors["loss_grad_cands"]) < 1e-4
