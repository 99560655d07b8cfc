"""
Three protocols
===============

What is a pretrained encoder worth? The paper asks in three ways: a linear classifier on frozen
embeddings, a small network on frozen embeddings, and the encoder itself trained further with the
labels. Each is a composition of a line or two. Generated recordings, about 20 s on two cores.
"""

import time

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import LearnedMotifDistance, RelConClassifier, RelConEmbedder
from relcon_sklearn.datasets import make_motion

# %%
# Thirty people: twenty to learn from, of whom five have labels, and ten to test on.

X, activity, subject, *_ = make_motion(
    n_segments=900, n_subjects=30, n_timesteps=128, sampling_rate=50, random_state=0
)
unlabelled, labelled, test = subject < 20, subject < 5, subject >= 20

# %%
# Pretraining, without labels.

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=8, max_epochs=1),
    encoder="resnet14-half",
    candidates="shared",
    n_within=4,
    batch_size=16,
    max_epochs=4,
    random_state=0,
)
embedder.fit(X[unlabelled], groups=subject[unlabelled])
pretrained = FrozenEstimator(embedder)

# %%
# The protocols. `FrozenEstimator` keeps a pipeline from fitting the embedder again; a
# `RelConClassifier` takes a copy of its encoder to start from. With five people there are none to
# spare for validation: the number of epochs is fixed.

fine_tuning = {"max_epochs": 15, "batch_size": 32, "validation_fraction": 0, "random_state": 0}
protocols = {
    "linear probe": make_pipeline(pretrained, StandardScaler(), LogisticRegression(max_iter=1000)),
    "MLP probe": make_pipeline(
        pretrained, StandardScaler(), MLPClassifier(256, max_iter=1000, random_state=0)
    ),
    "fine-tuned": RelConClassifier(pretrained, **fine_tuning),
    "fine-tuned, first stage frozen": RelConClassifier(pretrained, freeze=1, **fine_tuning),
    "same network from scratch": RelConClassifier("resnet14-half", **fine_tuning),
}

print(f"{labelled.sum()} labelled segments of 5 people; tested on 10 others")
print(f"{'':<34}macro-F1  seconds")
for name, model in protocols.items():
    start = time.perf_counter()
    model.fit(X[labelled], activity[labelled])
    seconds = time.perf_counter() - start
    f1 = f1_score(activity[test], model.predict(X[test]), average="macro")
    print(f"{name:<34}{f1:>8.3f}{seconds:>9.1f}")
print(f"{'chance':<34}{1 / len(np.unique(activity)):>8.3f}")
