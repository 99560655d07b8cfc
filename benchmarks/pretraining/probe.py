"""The probe of the benchmarks of pretraining: macro-F1 of embeddings on held-out subjects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks.common.encoders import embed
from benchmarks.common.scores import macro_f1
from benchmarks.common.windows import Windows
from benchmarks.pretraining.data import draw_at_most

MAX_ITER = 5000


class Probe:
    """A logistic regression on training subjects, scored by macro-F1 on held-out subjects.

    Parameters
    ----------
    train, test : Windows
        Windows of the training subjects and of the held-out subjects.
    n : int
        Number of labelled training windows, drawn at random. 0 uses all.
    seed : int
        Seed of the draw and of the logistic regression.
    """

    def __init__(self, train: Windows, test: Windows, n: int, seed: int):
        self.train = draw_at_most(train.labelled(), n, seed)
        self.test = test.labelled()
        self.seed = seed

    def score(self, embed: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return the macro-F1 of the embeddings that `embed` computes of windows."""
        model = LogisticRegression(max_iter=MAX_ITER, random_state=self.seed)
        model = make_pipeline(StandardScaler(), model)
        model.fit(embed(self.train.X), self.train.y)
        return macro_f1(self.test.y, model.predict(embed(self.test.X)))

    def __call__(self, encoder: nn.Module) -> float:
        """Return the macro-F1 of an encoder in evaluation mode."""
        return self.score(partial(embed, encoder))
