"""
Gait speed from a device on the wrist
=====================================

Walking speed is one of the best single measures of health in old age. Here it is estimated from
2.56 s of wrist acceleration, by a linear regression on pretrained embeddings.
"""

# %%
# Generated people in several activities, with a device on the wrist. For half of them we know the
# walking speed. The angle of the arm and the orientation of the device vary, so the mean of each
# axis is subtracted.

from relcon_sklearn.datasets import make_motion

X, activity, subject, _, speed, _ = make_motion(
    1600,
    40,
    n_timesteps=128,
    sampling_rate=50,
    placement="wrist",
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
X = X - X.mean(axis=1, keepdims=True)
unlabelled = subject < 20
walks = ~unlabelled & (activity == "walking")
print(f"{walks.sum()} walks of 20 people, {speed[walks].min():.2f} to {speed[walks].max():.2f} m/s")

# %%
# We pretrain without speeds, on all activities of the other half of the people. The settings are
# explained in :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`. The default augmentations also
# scale segments and warp time, which changes amplitude and pace. Here, views differ in rotation and
# noise only.

from relcon_sklearn import RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation

embedder = RelConEmbedder(
    augmentation=RandomAugmentations([Rotation(), Jitter(0.05)]),
    max_epochs=1,
    batch_size=64,
    sampling_rate=50,
    random_state=0,
).fit(X[unlabelled])

# %%
# Ridge regression on embeddings predicts each person from others. The penalty is also chosen on
# held-out people: metadata routing passes the subject of each walk to both cross-validations, the
# inner and the outer one. The baselines are an untrained network, hand-made features, and the mean
# of the training people.

import numpy as np
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def features(X):
    """Return statistics and spectrum of the magnitude, which do not depend on orientation."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[unlabelled])


def linear(representation):
    """Return ridge regression on a representation, with the penalty chosen inside."""
    ridge = RidgeCV(np.logspace(-1, 4, 11), cv=GroupKFold(5))
    return make_pipeline(representation, StandardScaler(), ridge)


by_hand = FunctionTransformer(features)
not_pretrained, pretrained = FrozenEstimator(untrained), FrozenEstimator(embedder)
with config_context(enable_metadata_routing=True):
    models = {
        "mean": DummyRegressor(),
        "features": linear(by_hand),
        "untrained": linear(not_pretrained),
        "RelCon": linear(pretrained),
        "untrained and features": linear(make_union(not_pretrained, by_hand)),
        "RelCon and features": linear(make_union(pretrained, by_hand)),
    }
    predicted = {
        name: cross_val_predict(
            model,
            X[walks],
            speed[walks],
            cv=GroupKFold(10),
            params={"groups": subject[walks]},
        )
        for name, model in models.items()
    }
for name, values in predicted.items():
    error, r2 = mean_absolute_error(speed[walks], values), r2_score(speed[walks], values)
    print(f"{name:<22} mean absolute error {error:.3f} m/s   R² {r2:5.2f}")

# %%
# Each dot is a walk of a person who was not in the training data.

import matplotlib.pyplot as plt

fig, panels = plt.subplots(1, 3, figsize=(10, 4.2), sharex=True, sharey=True, layout="constrained")
shown = ["features", "RelCon", "RelCon and features"]
everything = np.concatenate([speed[walks], *(predicted[name] for name in shown)])
ends = [everything.min() - 0.05, everything.max() + 0.05]
for panel, name in zip(panels, shown, strict=True):
    panel.plot(ends, ends, color="black", linewidth=1)
    panel.plot(speed[walks], predicted[name], "o", color="#0072B2", alpha=0.4, markersize=5)
    error = mean_absolute_error(speed[walks], predicted[name])
    panel.set(title=f"{name}\nmean absolute error {error:.2f} m/s", aspect="equal")
    panel.set(xlabel="true speed (m/s)", xlim=ends, ylim=ends)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("predicted speed (m/s)")
plt.show()

# %%
# Pretraining helped: the same network with random weights predicts the speed less well. Hand-made
# features are about as good as RelCon alone. How hard and how often the arm swings is visible in
# any summary of the signal.
#
# RelCon and features together are better than either. The untrained network adds nothing to the
# features. These are the correlations of their errors:

from itertools import combinations

for pair in combinations(["features", "untrained", "RelCon"], 2):
    errors = [predicted[name] - speed[walks] for name in pair]
    print(f"{' and '.join(pair):<22} {np.corrcoef(errors)[0, 1]:.2f}")

# %%
# All representations have their errors on mostly the same walks. Those of RelCon and of features
# differ most. The combination gains from this difference.
