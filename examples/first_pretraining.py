"""
First pretraining
=================

Pretrain a small motion encoder on generated recordings without labels. Then compare it, on unseen
people, with the same encoder untrained and with simple features.
"""

import time

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from relcon_sklearn import RelConEmbedder
from relcon_sklearn.datasets import make_motion

# %%
# Three-axis acceleration of forty people in four activities, with devices worn at any orientation.
# Segments are 2.56 s at 50 Hz. Their mean is mostly gravity, which shows how a device is worn, so
# it is subtracted. Labels of the first 28 people are never used.

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
# Pretraining uses the segments only. The defaults are for trainings of minutes. With smaller
# batches and one of the ten epochs, this one needs seconds.

start = time.perf_counter()
embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0, verbose=1)
embedder.fit(X[unlabelled])
seconds = time.perf_counter() - start

# %%
# The baselines: the same network without training, and simple features.


def summarise(X):
    """Return statistics and spectrum of the magnitude, which do not depend on orientation."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[unlabelled])

# %%
# A linear classifier on each representation, with the labels of the other twelve people. In each
# fold, three people are predicted from the rest.

frozen = FrozenEstimator(embedder.set_params(verbose=0))
summary = FunctionTransformer(summarise)


def macro_f1(representation):
    """Return the mean macro-F1 on held-out people."""
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
