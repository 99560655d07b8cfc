"""What embeddings were computed from: the transformer and the store, as values to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._training._fingerprint import checksum, checksum_of_weights
from .._utils._frozen import unwrap
from ..segments import SegmentStore
from ..segments._array import SegmentArray


def source_of(transformer, store: SegmentStore, array: SegmentArray) -> dict[str, Any]:
    """Return checksums of a transformer, and of a store whose segments are in `array`."""
    kind = type(unwrap(transformer))
    return {
        "transformer": {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "weights": _weights_of(transformer),
        },
        "store": {
            "shape": list(array.shape),
            "sampling_rate": array.sampling_rate,
            "values": checksum(array.read(array.spread_rows())),
            "groups": checksum(store.groups.labels, store.groups.runs.sizes),
        },
    }


def _weights_of(transformer) -> list[str]:
    """Return a checksum of the weights of an estimator, or of each step of a pipeline."""
    steps = [step for _, step in getattr(transformer, "steps", [("", transformer)])]
    return [checksum_of_weights(unwrap(s)) for s in steps if isinstance(s, BaseEstimator)]


def largest_difference(before: np.ndarray, now: np.ndarray) -> float:
    """Return the largest relative difference between the same rows of embeddings.

    Rounding to float16 causes 0.0005, and arithmetic on another device less.
    """
    now = now.astype(np.float64)
    # Below the smallest float16, what is left of a value is rounding.
    size = np.linalg.norm(now, axis=1) + 1e-4 * np.sqrt(now.shape[1])
    return float((np.linalg.norm(before - now, axis=1) / size).max(initial=0))
