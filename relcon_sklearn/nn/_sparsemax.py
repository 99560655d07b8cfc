r"""Sparsemax: the Euclidean projection of scores onto the probability simplex [1]_.

.. [1] Martins and Astudillo, "From Softmax to Sparsemax", ICML 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Newton's steps end after as many as there are distinct supports to visit, which for scores met
# in practice is below ten; the bound only keeps a not-a-number from looping for ever.
_MAX_STEPS = 100


def sparsemax_(scores: Tensor) -> Tensor:
    r"""Compute :func:`sparsemax` without gradient, using `scores` as working memory.

    The threshold :math:`\tau` solves :math:`f(\tau) = \sum_i \max(z_i - \tau, 0) - 1 = 0`. `f` is
    convex, decreasing and piecewise linear, so Newton's method from any point left of the
    solution climbs to it without overshooting and is exact, up to rounding, after finitely many
    steps: no sort is needed. Two such points are known, ``max(z) - 1`` and ``mean(z) - 1 / n``.

    Parameters
    ----------
    scores : Tensor of shape (..., n)
        The scores, with n >= 1. Overwritten.

    Returns
    -------
    weights : Tensor of shape (..., n)
    """
    # Centred, the sums below keep their digits whatever the scores' level.
    scores -= scores.amax(dim=-1, keepdim=True)
    threshold = (scores.mean(dim=-1, keepdim=True) - 1 / scores.shape[-1]).clamp_(min=-1)
    tolerance = 16 * torch.finfo(scores.dtype).eps
    # One buffer for everything: fresh memory for each step would cost more than the arithmetic.
    weights = torch.empty_like(scores)
    for _ in range(_MAX_STEPS):
        torch.sub(scores, threshold, out=weights).clamp_(min=0)
        excess = weights.sum(dim=-1, keepdim=True) - 1
        n_support = weights.sign_().sum(dim=-1, keepdim=True)
        threshold += excess / n_support
        if scores.numel() == 0 or excess.max() <= tolerance:
            break
    return torch.sub(scores, threshold, out=weights).clamp_(min=0)


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores: Tensor) -> Tensor:
        weights = sparsemax_(scores.clone())
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (weights,) = ctx.saved_tensors
        support = weights > 0
        mean = torch.where(support, grad, 0).sum(-1, keepdim=True) / support.sum(-1, keepdim=True)
        return torch.where(support, grad - mean, 0)


def sparsemax(scores: Tensor) -> Tensor:
    r"""Map scores to sparse weights that are non-negative and sum to one.

    .. math:: p = \arg\min_{p \in \Delta} \|p - z\|^2 = \max(z - \tau(z), 0)

    Differentiable; the gradient is exact (the Jacobian is that of a projection onto the support).

    Parameters
    ----------
    scores : Tensor of shape (..., n)
        The scores z; weights are taken along the last dimension.

    Returns
    -------
    weights : Tensor of shape (..., n)

    Examples
    --------
    >>> import torch
    >>> sparsemax(torch.tensor([1.0, 0.5, -1.0]))
    tensor([0.7500, 0.2500, 0.0000])
    """
    return _Sparsemax.apply(scores)
