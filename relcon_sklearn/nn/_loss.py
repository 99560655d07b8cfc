"""The relative contrastive loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# A score that adds nothing to a sum. Finite, because the gradient of logcumsumexp at -inf is not a
# number.
_NEVER = torch.finfo(torch.float32).min / 4


def ranking_likelihood_loss(
    scores: Tensor,
    valid: Tensor | None = None,
    n_ranks: int | None = None,
    log_others: Tensor | None = None,
) -> Tensor:
    r"""Negative log-likelihood of an order of candidates (ListMLE, Plackett-Luce).

    For scores :math:`s_1, \dots, s_K` of candidates given in their true order, nearest first:

    .. math:: \ell = \sum_{i=1}^{K} \Big( \log \sum_{j \ge i} e^{s_j} - s_i \Big)

    Parameters
    ----------
    scores : Tensor of shape (n_anchors, n_candidates)
        Similarities, sorted by true distance, nearest candidate first.
    valid : bool Tensor of shape (n_anchors, n_candidates) or None, default=None
        False where a row has no candidate. Those places must come last in each row.
    n_ranks : int or None, default=None
        Take only the first so many terms of the sum over i, the likelihood of who comes first,
        second and so on (top-k ListMLE). With 1 it is the cross-entropy of the nearest
        candidate. None takes all.
    log_others : Tensor of shape (n_anchors,) or None, default=None
        Logarithm of what is added to every sum over j: candidates behind all that are ranked.

    Returns
    -------
    loss : Tensor of shape (n_anchors,)
    """
    if valid is not None:
        scores = scores.masked_fill(~valid, _NEVER)
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
    r"""Relative contrastive loss (RelCon, equation 3), averaged over the anchors.

    Every candidate is in turn a positive, against all candidates that are farther from the
    anchor than it is:

    .. math:: \mathcal{L} = \sum_{i=1}^{K-1} -\log \frac{\exp(\cos(z, z_i)/\tau)}
              {\sum_{j \ge i} \exp(\cos(z, z_j)/\tau)}

    with candidates numbered by distance, nearest first.

    Parameters
    ----------
    embeddings : Tensor of shape (n_segments, n_features)
        Embeddings of all segments of the batch.
    anchors : int Tensor of shape (n_anchors,)
        Rows of `embeddings` that are anchors.
    candidates : int Tensor of shape (n_anchors, n_candidates)
        Rows of `embeddings` each anchor is compared with; negative where there is none.
    distances : Tensor of shape (n_anchors, n_candidates)
        Distance of each candidate from its anchor. Entries without a candidate are ignored.
    temperature : float, default=0.1
        :math:`\tau`.
    n_positives : int or None, default=None
        Only so many candidates, the nearest ones, are in turn positives; all others are nothing
        but negatives. None lets all be.
    views : Tensor of shape (n_segments, n_features) or None, default=None
        Embeddings of another view of each segment. Candidates are then taken from the other
        view, where the anchor's own segment comes first, ahead of all that are ranked by
        distance, and segments that are not in its list come last, as negatives; each of the two
        views has the anchors once. With ``n_positives=1`` this is the loss of SimCLR (without the
        negatives of an anchor's own view), and the distances play no part.

    Returns
    -------
    loss : Tensor of shape ()

    Examples
    --------
    >>> import torch
    >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> anchors, candidates = torch.tensor([0]), torch.tensor([[1, 2]])
    >>> relative_contrastive_loss(z, anchors, candidates, torch.tensor([[0.2, 3.0]]), 1.0)
    tensor(0.3146)
    """
    valid = candidates >= 0
    order = distances.masked_fill(~valid, torch.inf).argsort(dim=-1, stable=True)
    candidates = candidates.gather(-1, order)
    if views is not None:
        candidates = torch.cat([anchors[:, None], candidates], dim=-1)
        # One more column takes what stands for no candidate.
        listed = torch.zeros(
            len(anchors), len(embeddings) + 1, dtype=torch.bool, device=anchors.device
        )
        places = torch.where(candidates >= 0, candidates, len(embeddings))
        listed = listed.scatter(-1, places, True)[:, :-1]
    valid = candidates >= 0

    def loss(z: Tensor, others: Tensor) -> Tensor:
        scores = (z[anchors] @ others.T) / temperature
        ranked = scores.gather(-1, candidates.clamp(min=0))
        log_others = None
        if views is not None:
            log_others = scores.masked_fill(listed, _NEVER).logsumexp(-1)
        return ranking_likelihood_loss(ranked, valid, n_positives, log_others).mean()

    z = F.normalize(embeddings.float(), dim=-1)
    if views is None:
        return loss(z, z)
    others = F.normalize(views.float(), dim=-1)
    return (loss(z, others) + loss(others, z)) / 2
