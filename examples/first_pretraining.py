"""
First pretraining
=================

Pretrains a small motion encoder on generated recordings without using a label, and compares it on
people it never saw with the same encoder untrained and with simple features.
"""

import time

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation, Scaling, TimeFlip
from relcon_sklearn.datasets import make_motion

# %%
# Three-axis acceleration of forty people doing four things, devices worn at any orientation.
# Segments are 2.56 s at 50 Hz. Their mean is mostly gravity, which says how a device is worn: it is
# taken away. Labels of the first 28 people are never used.

X, activity, subject, *_ = make_motion(
    n_segments=1600,
    n_subjects=40,
    n_timesteps=128,
    sampling_rate=50,
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
X -= X.mean(axis=1, keepdims=True)
unlabelled, labelled = subject < 28, subject >= 28

# %%
# Pretraining knows the segments and whose they are, not what the people were doing. These settings
# are for half a minute of a CPU; the defaults are mostly the published ones, and want a GPU.

start = time.perf_counter()
embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=16, batch_size=16, lr=1e-2, max_epochs=4),
    encoder="resnet14-half",
    augmentation=RandomAugmentations([Rotation(), Scaling(), Jitter(0.05), TimeFlip()]),
    n_positives=2,
    n_between=0,
    candidates="shared",
    n_within=7,
    batch_size=8,
    query_stride=4,
    max_epochs=30,
    random_state=0,
    verbose=1,
)
embedder.fit(X[unlabelled], groups=subject[unlabelled])
seconds = time.perf_counter() - start

# %%
# The same network without training, and simple features, are what it has to beat.


def summarise(X):
    """Statistics and spectrum of the magnitude, which are the same however a device is turned."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[unlabelled], groups=subject[unlabelled])

# %%
# A linear classifier on each, with the labels of the other twelve people, of whom three at a time
# are predicted from the rest.

frozen = FrozenEstimator(embedder.set_params(verbose=0))
summary = FunctionTransformer(summarise)


def macro_f1(representation):
    """Mean macro-F1 on people without labels."""
    return cross_val_score(
        make_pipeline(representation, StandardScaler(), LogisticRegression(max_iter=5000)),
        X[labelled],
        activity[labelled],
        groups=subject[labelled],
        cv=GroupKFold(4),
        scoring="f1_macro",
    ).mean()


print(f"\nPretrained on {unlabelled.sum()} segments of 28 people in {seconds:.0f} s.")
print("Macro-F1 on other people, four activities (chance: 0.25)\n")
for name, representation in [
    ("RelCon, pretrained", frozen),
    ("same encoder, untrained", FrozenEstimator(untrained)),
    ("simple features", summary),
    ("RelCon and features", make_union(frozen, summary)),
]:
    print(f"{name:<30}{macro_f1(representation):.3f}")
