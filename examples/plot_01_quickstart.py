"""
Quickstart
==========

Pretrain an encoder on accelerometer segments without labels, then use it as any scikit-learn
transformer: frozen in a pipeline, cross-validated on people it has never seen.
"""

# %%
# Segments
# --------
# ``X`` is an array (n_segments, n_timesteps, n_channels): here 2.56 s of three axes at 50 Hz, in g,
# of generated people who wear a device on the waist, at any orientation. With recordings of your
# own you would begin with :func:`~relcon_sklearn.segment_recordings`, see
# :ref:`sphx_glr_auto_examples_plot_10_recordings_to_embeddings.py`.

import matplotlib.pyplot as plt
import numpy as np

from relcon_sklearn.datasets import make_motion

X, activity, subject, *_ = make_motion(
    1600,
    40,
    n_timesteps=128,
    sampling_rate=50,
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
print(X.shape, X.dtype)

fig, panels = plt.subplots(2, 2, figsize=(8, 4), sharex=True, sharey=True, layout="constrained")
seconds = np.arange(X.shape[1]) / 50
for panel, name in zip(panels.flat, ["sitting", "walking", "stairs", "running"], strict=True):
    segment = X[(activity == name) & (subject == 3)][0]
    for values, axis, colour in zip(
        segment.T, "xyz", ["#0072B2", "#D55E00", "#009E73"], strict=True
    ):
        panel.plot(seconds, values, color=colour, linewidth=1.2, label=axis)
    panel.set_title(name)
    panel.spines[["top", "right"]].set_visible(False)
fig.supxlabel("time (s)", fontsize="medium")
fig.supylabel("acceleration (g)", fontsize="medium")
fig.legend(*panel.get_legend_handles_labels(), loc="outside right center", frameon=False)
plt.show()

# %%
# The level of each axis is mostly gravity: it says how the device is worn, which is of no use here.
# We take it away, segment by segment. (Where devices are always worn alike it tells sitting from
# lying, and should stay.)

X = X - X.mean(axis=1, keepdims=True)

# %%
# Pretraining
# -----------
# Most people have no labels: they are what to pretrain on. ``groups`` says whose each segment is;
# nothing else is needed. The settings are for some seconds on a laptop: a small distance and
# encoder, candidates shared within a batch and ranked by every fourth time step. The defaults are
# the published ones, which want a GPU.

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation, Scaling, TimeFlip

unlabelled, labelled = subject < 28, subject >= 28

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=16, max_epochs=4, batch_size=16, lr=1e-2),
    encoder="resnet14-half",
    augmentation=RandomAugmentations([Rotation(), Scaling(), Jitter(0.05), TimeFlip()]),
    n_positives=2,
    n_between=0,
    candidates="shared",
    n_within=7,
    batch_size=8,
    query_stride=4,
    max_epochs=15,
    random_state=0,
)
embedder.fit(X[unlabelled], groups=subject[unlabelled])

# %%
# The loss is not the published one either; it is nearer to SimCLR's. With ``augmentation`` the
# encoder sees two altered views of each segment, and an anchor's other view is its nearest
# candidate. With ``n_positives=2`` the positives are this view and the one segment of the same
# person that is nearest by the distance. All else is negative, in whatever order.
#
# The published loss has no views and keeps the whole order: each candidate is a positive towards
# all that are farther away. A training as short as this one is not enough for it: on the task
# below, the encoder does no better than one that was never trained. At the other end, with
# ``n_positives=1``, the distance plays no part. That is SimCLR, and does as well here as two
# positives, or better.
#
# Other pages with little time to train have much the same settings. The published loss is at work
# in :ref:`sphx_glr_auto_examples_plot_13_relative_similarity.py`.
#
# An embedding is a row of numbers for each segment.

embedder.transform(X[:5]).shape

# %%
# A classifier on top
# -------------------
# ``FrozenEstimator`` keeps a pipeline from fitting the embedder again. The rest is scikit-learn:
# twelve people with labels, of whom three at a time are predicted from the others.

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def score(representation):
    """Macro-F1 of a linear classifier, for each fold of people."""
    return cross_val_score(
        make_pipeline(representation, StandardScaler(), LogisticRegression(max_iter=2000)),
        X[labelled],
        activity[labelled],
        groups=subject[labelled],
        cv=GroupKFold(4),
        scoring="f1_macro",
    )


scores = {"RelCon": score(FrozenEstimator(embedder))}

# %%
# What else would have done
# -------------------------
# A score alone says little. The same network with random weights is the first baseline of any
# pretraining; a few numbers that a practitioner would compute by hand are the second.


def features(X):
    """Statistics and spectrum of the magnitude of acceleration, however the device is turned."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[unlabelled])
scores["untrained encoder"] = score(FrozenEstimator(untrained))
scores["features"] = score(FunctionTransformer(features))

fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for row, (name, values) in enumerate(scores.items()):
    ax.plot(values, [row] * len(values), "o", color="#0072B2", alpha=0.5, markersize=7)
    ax.plot(values.mean(), row, "|", color="black", markersize=22, markeredgewidth=2)
    print(f"{name:<18} {values.mean():.3f}")
ax.axvline(0.25, color="black", linestyle=":")
ax.text(0.26, 1, "chance", va="center")
ax.set(yticks=range(len(scores)), yticklabels=scores, xlim=(0.2, 1), ylim=(2.5, -0.5))
ax.set(xlabel="macro-F1 on people not seen (dots: folds, bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Half a minute of pretraining beats no pretraining, and draws about level with features made for
# the purpose. That is what to expect of so little data. What pretraining is good for shows where
# labels are few: :ref:`sphx_glr_auto_examples_plot_07_few_labels.py`.
