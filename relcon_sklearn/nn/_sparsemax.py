"""Sparsemax, the Euclidean projection of scores onto the probability simplex."""

from __future__ import annotations

import torch
from torch import Tensor

# Newton's method visits each support at most once, which takes fewer than ten steps for scores in
# practice. The bound only prevents an endless loop if a score is NaN.
_MAX_STEPS = 100


def sparsemax_(scores: Tensor) -> Tensor:
    r"""Compute :func:`sparsemax` without gradient, using `scores` as working memory.

    The threshold :math:`\tau` is the root of

    .. math::
        f(\tau) = \sum_{i=1}^{n} \max(z_i - \tau, 0) - 1

    which is convex, decreasing and piecewise linear. From any point left of the root, Newton's
    method increases towards the root without overshooting. It is exact, up to rounding, after
    finitely many steps, and needs no sort. Two such points are known, ``max(z) - 1`` and
    ``mean(z) - 1 / n``.

    Parameters
    ----------
    scores : Tensor of shape (..., n)
        Scores z, with n >= 1. Overwritten.

    Returns
    -------
    weights : Tensor of shape (..., n)
        Weights.
    """
    # The scores are centred, so that the sums below keep their digits at any level of scores.
    scores -= scores.amax(dim=-1, keepdim=True)
    threshold = (scores.mean(dim=-1, keepdim=True) - 1 / scores.shape[-1]).clamp_(min=-1)
    tolerance = 16 * torch.finfo(scores.dtype).eps
    # One buffer for all steps: allocating memory in each would take longer than the arithmetic.
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

    Sparsemax is the Euclidean projection of the scores :math:`z` onto the probability simplex
    :math:`\Delta` [1]_:

    .. math::
        \mathrm{sparsemax}(z) = \operatorname{argmin}_{p \in \Delta} \|p - z\|^2
        = \max(z - \tau(z), 0)

    where :math:`\tau(z)` is the threshold with which the weights sum to one. The function is
    differentiable, and the gradient is exact: the Jacobian of a projection onto the support.

    Parameters
    ----------
    scores : Tensor of shape (..., n)
        Scores. The weights sum to one over the last dimension.

    Returns
    -------
    weights : Tensor of shape (..., n)
        Weights.

    References
    ----------
    .. [1] Martins and Astudillo, "From Softmax to Sparsemax", ICML 2016.

    Examples
    --------
    >>> import torch
    >>> sparsemax(torch.tensor([1.0, 0.5, -1.0]))
    tensor([0.7500, 0.2500, 0.0000])
    """
    return _Sparsemax.apply(scores)
