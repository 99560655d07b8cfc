"""
First pretraining
=================

Pretrains a small motion encoder on generated recordings without using a label, and compares it on
subjects it never saw with the same encoder untrained and with simple features.
"""

import time

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder
from relcon_sklearn.datasets import make_motion

# %%
# Three-axis acceleration of thirty people doing six things, sensors worn at any orientation.
# Segments are 2.56 s at 50 Hz; a third of the people are set aside.

X, activity, subject, *_ = make_motion(
    n_segments=1800, n_subjects=30, n_timesteps=128, sampling_rate=50, random_state=0
)
splitter = GroupShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0)
train, test = next(splitter.split(X, activity, subject))

# %%
# Pretraining knows the segments and whose they are, not what the people were doing. These settings
# are for two CPU cores and two minutes; the defaults are the published ones.

start = time.perf_counter()
embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=32, max_epochs=5, verbose=1),
    encoder="resnet14-half",
    n_within=4,
    batch_size=16,
    max_epochs=8,
    random_state=0,
    verbose=1,
)
embedder.fit(X[train], groups=subject[train])
seconds = time.perf_counter() - start

# %%
# The same network without training, and simple features, are what it has to beat.


def summarise(X):
    """Mean, standard deviation, quartiles and dominant frequency of each axis."""
    spectrum = np.abs(np.fft.rfft(X - X.mean(axis=1, keepdims=True), axis=1))
    quartiles = np.quantile(X, [0.25, 0.5, 0.75], axis=1)
    return np.hstack([X.mean(axis=1), X.std(axis=1), *quartiles, spectrum.argmax(axis=1)])


untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[train], groups=subject[train])

# %%
# A linear classifier on each, trained with the labels of the training subjects.

frozen = FrozenEstimator(embedder.set_params(verbose=0))
summary = FunctionTransformer(summarise)


def macro_f1(representation):
    """Macro-F1 on the unseen subjects."""
    classifier = make_pipeline(representation, StandardScaler(), LogisticRegression(max_iter=5000))
    classifier.fit(X[train], activity[train])
    return f1_score(activity[test], classifier.predict(X[test]), average="macro")


print(f"\nPretrained on {len(train)} segments of 20 people in {seconds:.0f} s.")
print("Macro-F1 on 10 other people, six activities (chance: 0.17)\n")
for name, representation in [
    ("RelCon, pretrained", frozen),
    ("same encoder, untrained", FrozenEstimator(untrained)),
    ("summary features", summary),
    ("RelCon and summary features", make_union(frozen, summary)),
]:
    print(f"{name:<30}{macro_f1(representation):.3f}")
