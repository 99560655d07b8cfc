"""A transformer that is fast, whose outputs are easy to tell, and that can fail."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class ShiftedMeans(TransformerMixin, BaseEstimator):
    """Means of the channels plus weights; ``act(n_calls)`` is called before each transform."""

    def __init__(self, act=None):
        self.act = act

    def fit(self, X, y=None):
        self.weights_ = np.arange(X.shape[2], dtype=np.float32)
        self.offset_ = 0.0
        self.calls_ = []
        return self

    def transform(self, X):
        self.calls_.append(len(X))
        if self.act is not None:
            self.act(len(self.calls_))
        return X[:].mean(axis=1) + self.weights_ + self.offset_
