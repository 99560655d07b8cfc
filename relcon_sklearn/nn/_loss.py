"""The relative contrastive loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def ranking_likelihood_loss(scores: Tensor, valid: Tensor | None = None) -> Tensor:
    r"""Negative log-likelihood of an order of candidates (ListMLE, Plackett-Luce).

    For scores :math:`s_1, \dots, s_K` of candidates given in their true order, nearest first:

    .. math:: \ell = \sum_{i=1}^{K} \Big( \log \sum_{j \ge i} e^{s_j} - s_i \Big)

    Parameters
    ----------
    scores : Tensor of shape (n_anchors, n_candidates)
        Similarities, sorted by true distance, nearest candidate first.
    valid : bool Tensor of shape (n_anchors, n_candidates) or None, default=None
        False where a row has no candidate. Those places must come last in each row.

    Returns
    -------
    loss : Tensor of shape (n_anchors,)
    """
    if valid is not None:
        # Finite, because the gradient of logcumsumexp at -inf is not a number.
        scores = scores.masked_fill(~valid, torch.finfo(scores.dtype).min / 4)
    log_rest = scores.flip(-1).logcumsumexp(-1).flip(-1)
    terms = log_rest - scores
    return (terms if valid is None else terms.masked_fill(~valid, 0)).sum(-1)


def relative_contrastive_loss(
    embeddings: Tensor,
    anchors: Tensor,
    candidates: Tensor,
    distances: Tensor,
    temperature: float = 0.1,
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
    z = F.normalize(embeddings.float(), dim=-1)
    valid = candidates >= 0
    order = distances.masked_fill(~valid, torch.inf).argsort(dim=-1, stable=True)
    candidates, valid = candidates.gather(-1, order), valid.gather(-1, order)
    cosine = (z[anchors] @ z.T).gather(-1, candidates.clamp(min=0))
    return ranking_likelihood_loss(cosine / temperature, valid).mean()
