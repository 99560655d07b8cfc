"""The relative contrastive loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# A score whose exponential is 0. It is finite because the gradient of logcumsumexp at -inf is NaN.
_NEGLIGIBLE = torch.finfo(torch.float32).min / 4


def ranking_likelihood_loss(
    scores: Tensor,
    valid: Tensor | None = None,
    n_ranks: int | None = None,
    log_others: Tensor | None = None,
) -> Tensor:
    r"""Return the negative log-likelihood of an order of candidates (ListMLE, Plackett-Luce).

    The scores :math:`s_1, \dots, s_K` of candidates in their true order, nearest first, have the
    loss

    .. math::
        \ell = \sum_{i=1}^{K} \Big( \log \sum_{j=i}^{K} e^{s_j} - s_i \Big)

    Parameters
    ----------
    scores : Tensor of shape (n_anchors, n_candidates)
        Similarities of the candidates, sorted by true distance, nearest first.
    valid : bool Tensor of shape (n_anchors, n_candidates) or None, default=None
        False where a row has no candidate. These entries must come last in each row. If None, all
        entries are candidates.
    n_ranks : int or None, default=None
        Number of terms of the sum over i to use (top-k ListMLE). With 1, the loss is the
        cross-entropy of the nearest candidate. If None, use all terms.
    log_others : Tensor of shape (n_anchors,) or None, default=None
        Logarithm of a number to add to every sum over j. It stands for candidates that rank behind
        all others. If None, nothing is added.

    Returns
    -------
    loss : Tensor of shape (n_anchors,)
        Loss of each anchor.
    """
    if valid is not None:
        scores = scores.masked_fill(~valid, _NEGLIGIBLE)
    log_rest = scores.flip(-1).logcumsumexp(-1).flip(-1)
    if log_others is not None:
        log_rest = log_rest.logaddexp(log_others[:, None])
    terms = log_rest - scores
    return (terms if valid is None else terms.masked_fill(~valid, 0))[..., :n_ranks].sum(-1)


def relative_contrastive_loss(
    embeddings: Tensor,
    anchors: Tensor,
    candidates: Tensor,
    distances: Tensor,
    temperature: float = 0.1,
    n_positives: int | None = None,
    views: Tensor | None = None,
) -> Tensor:
    r"""Return the relative contrastive loss, averaged over the anchors.

    Each candidate in turn is the positive. Its negatives are all candidates that are farther from
    the anchor. The loss of an anchor with embedding :math:`z` is equation 3 of [1]_:

    .. math::
        \mathcal{L} = -\sum_{i=1}^{K-1} \log \frac{\exp(\cos(z, z_i) / \tau)}
        {\sum_{j=i}^{K} \exp(\cos(z, z_j) / \tau)}

    where :math:`z_1, \dots, z_K` are the embeddings of its candidates, sorted by distance, nearest
    first, and :math:`\tau` is the temperature.

    Parameters
    ----------
    embeddings : Tensor of shape (n_segments, n_features)
        Embeddings of all segments of the batch.
    anchors : int Tensor of shape (n_anchors,)
        Rows of `embeddings` that are anchors.
    candidates : int Tensor of shape (n_anchors, n_candidates)
        Rows of `embeddings` that are the candidates of each anchor. Negative entries stand for
        missing candidates.
    distances : Tensor of shape (n_anchors, n_candidates)
        Distance of each candidate from its anchor. Entries of missing candidates are ignored. The
        order of candidates with equal distances is arbitrary.
    temperature : float, default=0.1
        Temperature :math:`\tau`.
    n_positives : int or None, default=None
        Number of candidates that are positives in turn, the nearest first. All others are only
        negatives. If None, all candidates are positives.
    views : Tensor of shape (n_segments, n_features) or None, default=None
        Embeddings of a second view of each segment. If given, candidates are taken from the other
        view than the anchor. The anchor's own segment in that view comes first, then the
        candidates by distance. Segments that are not candidates come last, as negatives. The loss
        is averaged over both choices of the anchors' view. With ``n_positives=1`` this is the loss
        of SimCLR without the negatives from the anchor's own view, and `distances` has no effect.
        If None, there is one view.

    Returns
    -------
    loss : Tensor of shape ()
        Mean loss of the anchors.

    References
    ----------
    .. [1] Xu et al., "RelCon: Relative Contrastive Learning for a Motion Foundation Model for
       Wearable Data", ICLR 2025. arXiv:2411.18822

    Examples
    --------
    >>> import torch
    >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> anchors, candidates = torch.tensor([0]), torch.tensor([[1, 2]])
    >>> relative_contrastive_loss(z, anchors, candidates, torch.tensor([[0.2, 3.0]]), 1.0)
    tensor(0.3146)
    """
    return relative_contrastive_losses(
        embeddings, anchors, candidates, distances, temperature, n_positives, views
    ).mean()


def relative_contrastive_losses(
    embeddings: Tensor,
    anchors: Tensor,
    candidates: Tensor,
    distances: Tensor,
    temperature: float,
    n_positives: int | None = None,
    views: Tensor | None = None,
) -> Tensor:
    """Return the loss of each anchor, (n_anchors,), of :func:`relative_contrastive_loss`."""
    distances = distances.masked_fill(candidates < 0, torch.inf)
    if views is not None:
        own = distances.new_full((len(anchors), 1), -torch.inf)
        candidates = torch.cat([anchors[:, None], candidates], dim=-1)
        distances = torch.cat([own, distances], dim=-1)
    ranked = _nearest(candidates, distances, n_positives)
    log_counts = None
    if views is not None or ranked.shape[1] < candidates.shape[1]:
        log_counts = _log_counts_behind(
            ranked, candidates, len(embeddings), with_unlisted=views is not None
        )

    def loss(z: Tensor, others: Tensor) -> Tensor:
        scores = (z[anchors] @ others.T) / temperature
        log_others = None if log_counts is None else (scores + log_counts).logsumexp(-1)
        scores = scores.gather(-1, ranked.clamp(min=0))
        return ranking_likelihood_loss(scores, ranked >= 0, log_others=log_others)

    z = F.normalize(embeddings.float(), dim=-1)
    if views is None:
        return loss(z, z)
    others = F.normalize(views.float(), dim=-1)
    return (loss(z, others) + loss(others, z)) / 2


def _nearest(candidates: Tensor, distances: Tensor, n: int | None) -> Tensor:
    """Return the `n` nearest candidates of each anchor, or all if None, the nearest first."""
    if n is None or n >= distances.shape[-1]:
        order = distances.argsort(dim=-1, stable=True)
    else:  # to sort all of them would take longer than the rest of the loss
        order = distances.topk(n, dim=-1, largest=False).indices
    return candidates.gather(-1, order)


def _log_counts_behind(
    ranked: Tensor, candidates: Tensor, n_segments: int, *, with_unlisted: bool
) -> Tensor:
    """Return the logarithm of how often each segment is behind the ranked ones of an anchor.

    The result is (n_anchors, n_segments). These are the candidates that are not ranked and, if
    `with_unlisted`, the segments that are no candidates. All of them are negatives of every term,
    so that their order does not count.
    """
    shape = len(candidates), n_segments + 1  # the extra column is for missing candidates
    counts = torch.zeros(shape, dtype=torch.float32, device=candidates.device)

    def add(rows: Tensor, number: float) -> None:
        places = torch.where(rows >= 0, rows, n_segments)
        counts.scatter_add_(-1, places, torch.full_like(places, number, dtype=counts.dtype))

    add(candidates, 1)
    if with_unlisted:
        counts.clamp_(min=1)
    add(ranked, -1)
    return counts[:, :-1].log().clamp(min=_NEGLIGIBLE)
