"""How well two rankings of candidates agree."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr
from torch import Tensor


def order_agreement(distances: Tensor, exact: Tensor, there: Tensor) -> dict:
    """Return how well the distances of each anchor's candidates agree with exact ones.

    `there` is a mask of the candidates that exist; all arrays are (n_anchors, n_candidates).
    """
    rho, found, errors = [], {1: [], 5: []}, []
    for i, mask in enumerate(there):
        row, row_exact = distances[i, mask].numpy(), exact[i, mask].numpy()
        rho.append(spearmanr(row, row_exact).statistic)
        errors.append(np.abs(row / row_exact - 1).max())
        for k, shares in found.items():
            k = min(k, len(row))
            common = np.intersect1d(np.argsort(row)[:k], np.argsort(row_exact)[:k])
            shares.append(len(common) / k)
    return {
        "n_anchors": len(rho),
        "n_candidates": int(there.sum(dim=1).max()),
        "spearman_mean": float(np.mean(rho)),
        "spearman_min": float(np.min(rho)),
        "top_1": float(np.mean(found[1])),
        "top_5": float(np.mean(found[5])),
        "largest_relative_error": float(np.max(errors)),
    }
