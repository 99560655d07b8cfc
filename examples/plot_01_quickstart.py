"""
Quickstart
==========

Pretrain an encoder on accelerometer segments without labels. Then use it like any scikit-learn
transformer: frozen in a pipeline, cross-validated on unseen people.
"""

# %%
# Segments
# --------
# ``X`` is an array (n_segments, n_timesteps, n_channels): here 2.56 s of three axes at 50 Hz, in g.
# The generated people wear a device on the waist, at any orientation. With your own recordings,
# start with :func:`~relcon_sklearn.segment_recordings`, see
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
# The mean of each axis is mostly gravity. It shows how the device is worn, which is not useful
# here, so we subtract it from each segment. If devices are always worn in the same way, gravity
# distinguishes sitting from lying and should be kept.

X = X - X.mean(axis=1, keepdims=True)

# %%
# Pretraining
# -----------
# Most people have no labels. Their segments are used for pretraining, and no other information is
# needed. The defaults of :class:`~relcon_sklearn.RelConEmbedder` are for a training of minutes: ten
# epochs of 150 steps, each with a batch of 256 segments. For this page, one epoch of smaller
# batches is enough. ``sampling_rate`` is in Hz: the features below describe frequencies.

from relcon_sklearn import RelConEmbedder

unlabelled, labelled = subject < 28, subject >= 28

embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0)
embedder.fit(X[unlabelled])

# %%
# The encoder sees two augmented views of each segment. For an anchor, its own other view is the
# nearest candidate. All other segments of the batch are ranked by a distance of hand-made features,
# and the seven nearest of them are positives too. The encoder learns that each positive is more
# similar to the anchor than all segments that are farther away. With ``n_positives=1``, only the
# other view is a positive, and the distance has no effect. That is SimCLR. A second loss, of a
# linear layer that predicts the features of each view, keeps amplitudes in the embedding.
#
# Neither the distance nor the loss is the published one. The published distance is learned, and the
# published loss has no views and makes each candidate a positive in turn.
# :meth:`RelConEmbedder.published <relcon_sklearn.RelConEmbedder.published>` has these settings, and
# :ref:`sphx_glr_auto_examples_plot_13_relative_similarity.py` uses them.
#
# An embedding is a vector for each segment.

embedder.transform(X[:5]).shape

# %%
# A classifier on top
# -------------------
# ``FrozenEstimator`` prevents a pipeline from fitting the embedder again. The rest is scikit-learn:
# of twelve people with labels, three are predicted from the others in each fold.

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler


def score(representation):
    """Return the macro-F1 of a linear classifier, for each fold of people."""
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
# Baselines
# ---------
# A score needs a comparison. The first baseline of any pretraining is the same network with random
# weights. The second is a set of a few features that a practitioner would compute.


def features(X):
    """Return statistics and spectrum of the magnitude, which do not depend on orientation."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[unlabelled])
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
ax.set(xlabel="macro-F1 on unseen people (dots: folds, bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Half a minute of pretraining is better than none, and about as good as features made for this
# task. A larger gain cannot be expected from so little data. Pretraining helps most if labels are
# few: :ref:`sphx_glr_auto_examples_plot_07_few_labels.py`.
