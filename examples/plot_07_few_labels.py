"""
Few labels
==========

Recordings are cheap and labels are dear: somebody has to watch, or to remember. So how many people
need to be labelled? An encoder that is pretrained on everybody's recordings should need fewer. We
draw the curve.
"""

# %%
# Forty generated people. Of 28 there are recordings only; of the other twelve we shall use the
# labels of one, of two, and so on. The mean of each axis is taken away: it is mostly gravity.

from relcon_sklearn.datasets import make_motion

X, activity, subject, *_ = make_motion(
    1600,
    40,
    n_timesteps=128,
    sampling_rate=50,
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
X = X - X.mean(axis=1, keepdims=True)
unlabelled, labelled = subject < 28, subject >= 28

# %%
# Four representations, none of which has seen a label: RelCon, its network untrained, features by
# hand, and RelCon with the features. The settings of RelCon are explained in
# :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`.

import numpy as np
from sklearn.frozen import FrozenEstimator

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation, Scaling, TimeFlip


def features(X):
    """Statistics and spectrum of the magnitude of acceleration, however the device is turned."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


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
).fit(X[unlabelled], groups=subject[unlabelled])
untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[unlabelled])

embeddings = embedder.transform(X)
representations = {
    "RelCon": embeddings,
    "untrained encoder": untrained.transform(X),
    "features": features(X),
    "RelCon and features": np.hstack([embeddings, features(X)]),
}

# %%
# For each number of labelled people, twelve draws of who they are. What is learned from them is
# tested on the rest of the twelve.

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

n_labelled = [1, 2, 4, 8]
rng = np.random.default_rng(0)
draws = [[rng.permutation(np.unique(subject[labelled]))[:n] for _ in range(12)] for n in n_labelled]


def score(Z, people):
    """Macro-F1 on all but the given people, of a linear classifier that has their labels."""
    train = np.isin(subject, people)
    test = labelled & ~train
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    classifier.fit(Z[train], activity[train])
    return f1_score(activity[test], classifier.predict(Z[test]), average="macro")


scores = {
    name: np.array([[score(Z, people) for people in some] for some in draws])
    for name, Z in representations.items()
}

# %%
# Means over the draws. Bands: standard error over the draws; they say nothing of other people or of
# another pretraining. (All draws are from the same twelve people, so that they overlap; and the
# more of them are labelled, the fewer are left to test on.)

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
styles = [("#0072B2", "o-"), ("#777777", "s:"), ("#D55E00", "^--"), ("#009E73", "D-.")]
for (name, values), (colour, style) in zip(scores.items(), styles, strict=True):
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    ax.fill_between(n_labelled, mean - error, mean + error, color=colour, alpha=0.15, linewidth=0)
    ax.plot(n_labelled, mean, style, color=colour, label=name)
    print(f"{name:<20}", *(f"{value:.3f}" for value in mean))
ax.set_xscale("log", base=2)
ax.set_xticks(n_labelled, n_labelled)
ax.set(xlabel="people labelled (40 segments each)", ylabel="macro-F1 on other people")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# With the labels of two people the pretrained network does better than the same network untrained
# does with those of eight: that is what pretraining buys. Features designed by somebody who knew
# what to look for do as well as what it found by itself. While labels are few, the two together are
# a little ahead of RelCon alone; that they are ahead of features as well is less certain. With
# eight people labelled nothing is gained over features.
