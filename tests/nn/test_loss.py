import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from relcon_sklearn.nn import ranking_likelihood_loss, relative_contrastive_loss
from tests.support.reference import relative_contrastive_loss_by_loops, relative_error


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
def test_gradient_equals_the_gradient_of_the_loop(n, k, missing, seed):
    embeddings, *rest = random_problem(n, 3, k, missing, seed)
    gradients = []
    for loss in (relative_contrastive_loss, relative_contrastive_loss_by_loops):
        z = embeddings.clone().requires_grad_()
        value = loss(z, *rest, 0.1)
        if isinstance(value, torch.Tensor):
            value.backward()
        gradients.append(torch.zeros_like(z) if z.grad is None else z.grad)
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-4)


n_positives = st.sampled_from([None, 1, 2, 3, 9])


def other_view(problem, seed):
    return torch.from_numpy(np.random.default_rng([1, seed]).normal(size=problem[0].shape))


@given(
    n=st.integers(1, 7),
    n_anchors=st.integers(1, 4),
    k=st.integers(0, 6),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    temperature=st.sampled_from([0.05, 1.0]),
    n_positives=n_positives,
    with_views=st.booleans(),
    seed=st.integers(0, 99),
)
def test_few_positives_and_views_equal_the_loop(
    n, n_anchors, k, missing, temperature, n_positives, with_views, seed
):
    problem = random_problem(n, n_anchors, k, missing, seed)
    rest = temperature, n_positives, other_view(problem, seed) if with_views else None
    actual = relative_contrastive_loss(*problem, *rest)
    expected = torch.as_tensor(relative_contrastive_loss_by_loops(*problem, *rest))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@given(
    st.integers(2, 6),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.4, 1.0]),
    n_positives,
    st.integers(0, 99),
)
def test_gradients_of_both_views_equal_the_gradients_of_the_loop(n, k, missing, n_positives, seed):
    embeddings, *rest = random_problem(n, 3, k, missing, seed)
    views = other_view((embeddings,), seed)
    gradients = []
    for loss in (relative_contrastive_loss, relative_contrastive_loss_by_loops):
        z, z2 = embeddings.clone().requires_grad_(), views.clone().requires_grad_()
        loss(z, *rest, 0.1, n_positives, z2).backward()
        gradients.append(torch.cat([z.grad, z2.grad]))
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-4)


@given(st.integers(1, 6), st.sampled_from([0.0, 0.3]), st.integers(0, 99))
def test_as_many_positives_as_candidates_are_the_published_loss(k, missing, seed):
    problem = random_problem(8, 5, k, missing, seed)
    published = relative_contrastive_loss(*problem)
    for n in (None, k, k + 3):
        assert torch.equal(relative_contrastive_loss(*problem, n_positives=n), published)


def test_one_positive_is_the_cross_entropy_of_the_nearest():
    problem = random_problem(9, 9, 4, 0.0, 0)
    z, anchors, candidates, distances = problem
    z = F.normalize(z.float(), dim=-1)
    scores = torch.einsum("ad,acd->ac", z[anchors], z[candidates]) / 0.1
    actual = relative_contrastive_loss(*problem, n_positives=1)
    torch.testing.assert_close(actual, F.cross_entropy(scores, distances.argmin(dim=1)))


@pytest.mark.parametrize("k", [0, 3, 7])
def test_one_positive_of_two_views_is_info_nce_for_any_distances(k):
    generator = torch.Generator().manual_seed(0)
    views = torch.randn(2, 8, 5, generator=generator)
    anchors = torch.tensor([0, 3, 6])
    candidates = torch.stack(
        [(a + 1 + torch.randperm(7, generator=generator)) % 8 for a in anchors]
    )
    candidates = candidates[:, :k]
    candidates[1, 1:] = -1
    z, z2 = F.normalize(views, dim=-1)
    logits = z @ z2.T / 0.2
    both = logits[anchors], logits.T[anchors]
    expected = sum(F.cross_entropy(each, anchors) for each in both) / 2
    for sign in (1, -1):
        distances = sign * torch.arange(3.0 * k).view(3, k)
        actual = relative_contrastive_loss(
            views[0], anchors, candidates, distances, 0.2, n_positives=1, views=views[1]
        )
        torch.testing.assert_close(actual, expected)


def test_others_count_in_every_denominator():
    scores = torch.tensor([[2.0, 1.0, -1.0]])
    others = torch.tensor([0.5, 1.5])
    expected = sum(
        torch.logsumexp(torch.cat([scores[0, i:], others]), dim=0) - scores[0, i] for i in range(2)
    )
    log_others = others.logsumexp(dim=0)[None]
    actual = ranking_likelihood_loss(scores, n_ranks=2, log_others=log_others)
    torch.testing.assert_close(actual, expected[None])


def test_missing_candidates_are_ignored_with_any_distance():
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    anchors = torch.tensor([0])
    full = relative_contrastive_loss(z, anchors, torch.tensor([[1, 2]]), torch.tensor([[2.0, 1.0]]))
    for filler in (-1e9, 0.0, float("nan"), float("inf")):
        padded = relative_contrastive_loss(
            z, anchors, torch.tensor([[1, -1, 2]]), torch.tensor([[2.0, filler, 1.0]])
        )
        torch.testing.assert_close(padded, full)


def test_an_anchor_without_candidates_has_no_loss():
    z = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = relative_contrastive_loss(z, torch.tensor([0]), torch.tensor([[-1]]), torch.zeros(1, 1))
    loss.backward()
    assert loss == 0
    assert torch.isfinite(z.grad).all()


def test_is_lowest_if_similarities_have_the_order_of_the_distances():
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
    """Return a problem whose candidates are the 7 other anchors, then the own candidates."""
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
