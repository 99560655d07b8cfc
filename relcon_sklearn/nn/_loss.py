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
        Distance of each candidate from its anchor. Entries of missing candidates are ignored.
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
    valid = candidates >= 0
    order = distances.masked_fill(~valid, torch.inf).argsort(dim=-1, stable=True)
    candidates = candidates.gather(-1, order)
    if views is not None:
        candidates = torch.cat([anchors[:, None], candidates], dim=-1)
        # The extra column is for missing candidates.
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
            log_others = scores.masked_fill(listed, _NEGLIGIBLE).logsumexp(-1)
        return ranking_likelihood_loss(ranked, valid, n_positives, log_others)

    z = F.normalize(embeddings.float(), dim=-1)
    if views is None:
        return loss(z, z)
    others = F.normalize(views.float(), dim=-1)
    return (loss(z, others) + loss(others, z)) / 2
