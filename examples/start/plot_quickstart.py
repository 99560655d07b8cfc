"""
Quickstart
==========

How are accelerometer segments embedded, and is the embedding better than hand-made features? Load
the model that comes with the package, and use it like any scikit-learn transformer: in a pipeline,
cross-validated on unseen people.
"""

# %%
# Segments
# --------
# ``X`` is an array (n_segments, n_timesteps, n_channels): here 2.56 s of three axes at 50 Hz, in g,
# with gravity. The people are generated. They have individual habits, and each of them puts the
# device on the waist at another orientation in each of two hours. How your own recordings become
# segments: :ref:`sphx_glr_auto_examples_recordings_plot_recordings_to_embeddings.py`.

import matplotlib.pyplot as plt
import numpy as np

from relcon_sklearn.datasets import make_motion

X, activity, subject, *_ = make_motion(
    1600, n_subjects=40, n_timesteps=128, sampling_rate=50, random_state=0
)
print(X.shape, X.dtype)

names = ["lying", "sitting", "standing", "walking", "stairs", "running"]
fig, panels = plt.subplots(2, 3, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
seconds = np.arange(X.shape[1]) / 50
for panel, name in zip(panels.flat, names, strict=True):
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
# Lying, sitting and standing differ mainly in the direction of gravity, which also depends on how
# the device is put on.
#
# The model in the package
# ------------------------
# :doc:`motion-small </models>` was trained on recordings of real people, without their activities.
# It is loaded from a file in the package. Nothing is downloaded.

from relcon_sklearn import RelConEmbedder

model = RelConEmbedder.from_pretrained("motion-small")
model.transform(X[:5]).shape

# %%
# A classifier on top
# -------------------
# ``FrozenEstimator`` prevents a pipeline from fitting the embedder again. The rest is scikit-learn.
# Of twenty people with labels, four are predicted from the others in each fold.

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

labelled = subject >= 20


def score(representation):
    """Return the macro-F1 of a linear classifier, for each fold of people."""
    return cross_val_score(
        make_pipeline(representation, StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)),
        X[labelled],
        activity[labelled],
        groups=subject[labelled],
        cv=GroupKFold(5),
        scoring="f1_macro",
    )


scores = {"model in the package": score(FrozenEstimator(model))}

# %%
# Baselines
# ---------
# A score needs a comparison. The first baseline of any pretraining is the same network with random
# weights. The second are hand-made features, here the 128 of
# :class:`~relcon_sklearn.MotionFeatures`. One line joins them to the embedding.

from relcon_sklearn import MotionFeatures

features = MotionFeatures(sampling_rate=50)
untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[~labelled])
scores["model and features"] = score(make_union(FrozenEstimator(model), features))
scores["features"] = score(features)
scores["untrained encoder"] = score(FrozenEstimator(untrained))

# %%
# Your own pretraining
# --------------------
# ``fit`` pretrains an encoder on your recordings. Here these are the segments of the other twenty
# people, and no further information is needed. The defaults of
# :class:`~relcon_sklearn.RelConEmbedder` are for a training of minutes: ten epochs of 150 steps,
# each with a batch of 256 segments. For this page, one epoch of smaller batches is enough.
# ``sampling_rate`` is in Hz: the distance below describes frequencies.

embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0)
embedder.fit(X[~labelled])
scores["pretrained here"] = score(FrozenEstimator(embedder))

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
# :ref:`sphx_glr_auto_examples_method_plot_relative_similarity.py` uses them.
#
# The comparison
# --------------

scores = dict(sorted(scores.items(), key=lambda item: -item[1].mean()))  # the best one first
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for row, (name, values) in enumerate(scores.items()):
    ax.plot(values, [row] * len(values), "o", color="#0072B2", alpha=0.5, markersize=7)
    ax.plot(values.mean(), row, "|", color="black", markersize=22, markeredgewidth=2)
    print(f"{name:<22} {values.mean():.3f}")
ax.axvline(1 / 6, color="black", linestyle=":")
ax.text(0.18, 1.5, "chance", va="center")
ax.set(yticks=range(len(scores)), yticklabels=scores, xlim=(0.1, 1), ylim=(4.5, -0.5))
ax.set(xlabel="macro-F1 on unseen people (dots: folds, bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The model in the package, which has never seen generated motion, is far better than the same
# network with random weights, and about as good as the features. Seconds of pretraining are better
# than none, and hours of real recordings are better than seconds.
#
# The differences between the first three rows are smaller than those between folds. On recordings
# of real people, the model is above the features: :doc:`/models` has these scores, and says when
# not to use it. How many labels the model saves:
# :ref:`sphx_glr_auto_examples_downstream_plot_few_labels.py`.
