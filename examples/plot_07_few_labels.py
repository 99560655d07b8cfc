"""
Few labels
==========

Recordings are cheap and labels are expensive, because a person has to observe or to remember the
activities. How many people need to be labelled? An encoder that is pretrained on recordings of many
people should need fewer. This page shows the curve.
"""

# %%
# We generate forty people. 28 have only recordings. Of the other twelve we use the labels of one,
# of two, and so on. The mean of each axis, which is mostly gravity, is subtracted.

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
# We compare four representations that use no labels: RelCon, its network untrained, hand-made
# features, and RelCon with the features. The settings of RelCon are explained in
# :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`.

import numpy as np

from relcon_sklearn import RelConEmbedder


def features(X):
    """Return statistics and spectrum of the magnitude, which do not depend on orientation."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0)
embedder.fit(X[unlabelled])
untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[unlabelled])

embeddings = embedder.transform(X)
representations = {
    "RelCon": embeddings,
    "untrained encoder": untrained.transform(X),
    "features": features(X),
    "RelCon and features": np.hstack([embeddings, features(X)]),
}

# %%
# For each number of labelled people, we draw twelve sets of people. A classifier trained on a set
# is tested on the rest of the twelve people.

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

n_labelled = [1, 2, 4, 8]
rng = np.random.default_rng(0)
draws = [[rng.permutation(np.unique(subject[labelled]))[:n] for _ in range(12)] for n in n_labelled]


def score(Z, people):
    """Return the macro-F1, on all other people, of a linear classifier fitted on these people."""
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
# Lines are means over the draws, and bands are standard errors over the draws. The bands do not
# include the variation over other people or other pretrainings. All draws are from the same twelve
# people, so they overlap. The more people are labelled, the fewer are left for the test.

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
# With the labels of four people, the pretrained network is as good as the untrained network with
# the labels of eight. This is the gain of pretraining. With the labels of one or two people,
# features designed with knowledge of the task are better than the learned ones. With more labels,
# they are nearly as good. The two together are a little better than RelCon alone and, from four
# people on, than the features.
