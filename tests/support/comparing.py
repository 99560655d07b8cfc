"""Estimators and their attributes as values that can be compared."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from torch import nn


def comparable(value):
    """Return a parameter or attribute as nested values that can be compared."""
    if isinstance(value, BaseEstimator):
        return type(value), comparable(vars(value))
    if isinstance(value, dict):
        hidden = ("_recipes", "_metadata_request")
        return {k: comparable(v) for k, v in value.items() if k not in hidden}
    if isinstance(value, (list, tuple)):
        return type(value), [comparable(v) for v in value]
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, np.random.RandomState):
        return [comparable(v) for v in value.get_state()]
    if isinstance(value, nn.Module):
        state = {k: comparable(v.float().numpy()) for k, v in value.state_dict().items()}
        return type(value), value.training, state
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype, value.shape, value.tolist()
    return type(value), value
