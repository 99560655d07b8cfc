"""
Relative similarity, from near to far
=====================================

Most contrastive methods sort pairs into two bins, alike and not alike. RelCon grades them: the
embedding of a walk should be nearest to other walks of the same person, a bit less near to walks of
others, and far from sitting, in the order of the motif distance. The paper makes the point with a
figure; this is the same on generated data.
"""

# %%
# Generated people, a third of whom are set aside. The mean of each axis, mostly gravity, is taken
# away. To look at labelled recordings of your own, name a folder of them in the environment
# variable ``RELCON_DATA``, in the format of
# :func:`~relcon_sklearn.datasets.load_npz_recordings`.

import os
from pathlib import Path

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings, make_motion


def load_motion(n_segments=1200):
    """Segments (n, 128, 3) at 50 Hz in g, what was done in them, and by whom."""
    if "RELCON_DATA" not in os.environ:
        return make_motion(
            n_segments,
            30,
            n_timesteps=128,
            sampling_rate=50,
            activities=["sitting", "walking", "stairs", "running"],
            random_state=0,
        )[:3]
    parts = []
    for path in sorted(Path(os.environ["RELCON_DATA"]).glob("*.npz")):
        data = load_npz_recordings(path)
        segments = segment_recordings(
            data.recordings,
            data.sampling_rate,
            units=data.units,
            target_rate=50,
            labels=data.labels,
            subjects=[f"{path.stem} {name}" for name in data.subjects],
            timestamps=data.timestamps,
            short="skip",
        )
        parts.append((segments.X, segments.y, segments.groups))
    X, y, subject = (np.concatenate(values) for values in zip(*parts, strict=True))
    names, counts = np.unique(y, return_counts=True)
    known = np.flatnonzero(np.isin(y, names[counts >= len(y) / 50]))
    rows = np.sort(np.random.default_rng(0).permutation(known)[:n_segments])
    return X[rows], y[rows], subject[rows]


X, activity, subject = load_motion()
X = X - X.mean(axis=1, keepdims=True)

# %%
# The loss is the published one: all candidates, those of the same person and those of others, are
# in turn the positive towards all that are farther away.

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit

from relcon_sklearn import LearnedMotifDistance, RelConEmbedder

splitter = GroupShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0)
train, test = next(splitter.split(X, activity, subject))

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=16, max_epochs=8, batch_size=16, lr=1e-2),
    encoder="resnet14-half",
    candidates="shared",
    n_within=7,
    batch_size=8,
    query_stride=4,
    max_epochs=10,
    random_state=0,
).fit(X[train], groups=subject[train])
untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[train], groups=subject[train])

# %%
# One anchor, somebody walking, and as candidates all other segments of the people set aside.

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import RelativeSimilarityDisplay

X, activity, subject = X[test], activity[test], subject[test]
anchor = int(np.flatnonzero(activity == "walking")[0]) if "walking" in activity else 0
others = np.arange(len(X)) != anchor

fig, axes = plt.subplots(1, 2, figsize=(10, 5.2), sharex=True, layout="constrained")
for ax, (name, model) in zip(
    axes, {"untrained": untrained, "pretrained": embedder}.items(), strict=True
):
    display = RelativeSimilarityDisplay.from_estimator(
        model,
        X[anchor],
        X[others],
        labels=activity[others],
        anchor_label=activity[anchor],
        groups=subject[others],
        anchor_group=subject[anchor],
        label_name="activity",
        ax=ax,
    )
    ax.set_title(f"{name}\n{ax.get_title()}")
    ax.get_legend().remove()
fig.legend(display.scatters_.values(), display.scatters_, loc="outside lower center", ncols=2)
plt.show()

# %%
# Pretrained, similarity falls as distance grows, from the walks of the same person over those of
# others to what is no walk (but for stairs, which are climbed much as one walks, and lie among the
# walks). But it did so before there was any training, if within a narrow range:
# who tells moving from resting has most of this order. What had to be learned is the scale (mind
# the axes), and the order among segments that are alike.
#
# That is seen when each anchor is compared with candidates of its own activity only. For each
# activity, this is the rank correlation of distance and similarity, over all anchors in the mean.
# At -1 the order would be kept entirely.

from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_similarity

distances = embedder.distance_.pairwise(X)
fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
for name, model, style in [("untrained", untrained, "s"), ("pretrained", embedder, "o")]:
    similarities = cosine_similarity(model.transform(X))
    means = []
    for label in np.unique(activity):
        rows = np.flatnonzero(activity == label)
        correlations = [
            spearmanr(distances[i, rows[rows != i]], similarities[i, rows[rows != i]]).statistic
            for i in rows
        ]
        means.append(np.mean(correlations))
    colour = "#0072B2" if name == "pretrained" else "#777777"
    ax.plot(means, np.unique(activity), style, color=colour, markersize=9, label=name)
ax.set(xlabel="rank correlation of similarity with distance, within the activity", xlim=(-1, 0))
ax.legend(frameon=False)
ax.grid(axis="y", alpha=0.3)
ax.margins(y=0.15)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Pretraining improved the order among walks, stairs and runs. Not so for sitting, where there is
# little but the noise of the sensor to be put in order.
