"""
Few labels
==========

How many people need to be labelled? Recordings are cheap and labels are expensive, because a person
has to observe or to remember the activities. With an encoder that was trained on recordings of many
other people, fewer labels should be enough. This page shows the curve.
"""

# %%
# We generate forty people in six activities, once with a device on the waist and once with a device
# on the wrist, where arms swing and gesture. They differ in their habits, and the orientation of
# the device is another one for each person and hour. Of all the people, we use the labels of one,
# of two, and so on.

from relcon_sklearn.datasets import make_motion

placements = ["waist", "wrist"]
motion = {
    placement: make_motion(
        1200,
        n_subjects=40,
        n_timesteps=128,
        sampling_rate=50,
        placement=placement,
        random_state=0,
    )
    for placement in placements
}

# %%
# We compare four representations that use no labels: the model in the package, which was trained on
# recordings of real people, its network untrained, hand-made features, and the model with the
# features. None of them is trained on the generated people.

import numpy as np

from relcon_sklearn import MotionFeatures, RelConEmbedder

model = RelConEmbedder.from_pretrained("motion-small")


def represent(X):
    """Return the representations of segments, by their names."""
    embeddings = model.transform(X)
    features = MotionFeatures(sampling_rate=50).fit_transform(X)
    untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X)
    return {
        "model and features": np.hstack([embeddings, features]),
        "model in the package": embeddings,
        "features": features,
        "untrained encoder": untrained.transform(X),
    }


# %%
# For each number of labelled people, we draw ten sets of people. A classifier trained on a set is
# tested on all people outside of it. The settings are the same for all representations.

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

n_labelled = [1, 2, 4, 8]
rng = np.random.default_rng(0)
draws = [[rng.permutation(40)[:n] for _ in range(10)] for n in n_labelled]
classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))


def score(Z, activity, subject, people):
    """Return the macro-F1 on all other people of a linear classifier fitted on these people."""
    train = np.isin(subject, people)
    predicted = classifier.fit(Z[train], activity[train]).predict(Z[~train])
    return f1_score(activity[~train], predicted, average="macro")


scores = {
    placement: {
        name: np.array([[score(Z, of.y, of.groups, people) for people in some] for some in draws])
        for name, Z in represent(of.X).items()
    }
    for placement, of in motion.items()
}

# %%
# Lines are means over the draws, and bands are standard errors over the draws. The bands do not
# include the variation over other generated people. All draws are from the same forty people, so
# they overlap.

import matplotlib.pyplot as plt

fig, panels = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True, layout="constrained")
styles = [("#009E73", "D-."), ("#0072B2", "o-"), ("#D55E00", "^--"), ("#777777", "s:")]
for ax, placement in zip(panels, placements, strict=True):
    print(f"{placement:<22}", *(f"{n:5d}" for n in n_labelled))
    for (name, values), (colour, style) in zip(scores[placement].items(), styles, strict=True):
        mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        band = {"color": colour, "alpha": 0.15, "linewidth": 0}
        ax.fill_between(n_labelled, mean - error, mean + error, **band)
        ax.plot(n_labelled, mean, style, color=colour, label=name)
        print(f"  {name:<20}", *(f"{value:.3f}" for value in mean))
    ax.set_xscale("log", base=2)
    ax.set_xticks(n_labelled, n_labelled)
    ax.set(title=placement, xlabel="people labelled (30 segments each)")
    ax.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("macro-F1 on other people")
panels[1].legend(frameon=False, loc="lower right")
plt.show()

# %%
# With the labels of one person, the model is better than the same network, untrained, with the
# labels of eight. The model and the features together are the best choice here: they are at least
# as good as either, up to differences that are smaller than the bands.
#
# Features designed with knowledge of the task are a strong baseline. On the wrist, the model is
# above them at each number of labelled people, and with four people it is as good as the features
# with eight. On the waist, it is a little above them with few people, and below with eight. The
# scores on recordings of real people are in :doc:`/models`.
#
# Here, the scaler sees the segments of the labelled people only. If you also have recordings of
# people without labels, fit it to all of them: :doc:`/guide/pipelines` has the lines for it, in the
# section on few labels.
