"""
Fine-tuning, and the alternatives
=================================

How useful is a pretrained encoder? The paper evaluates it with three protocols: a linear classifier
on frozen embeddings, a small network on frozen embeddings, and the encoder itself trained further
with the labels. Each takes a line or two of code. We add the most important baseline: the same
network trained from scratch.
"""

# %%
# Forty generated people: 28 with recordings only, and twelve with labels. We use the labels of four
# and test on the other eight. The mean of each axis, which is mostly gravity, is subtracted.

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

# %%
# We pretrain without labels, with the settings of
# :ref:`sphx_glr_auto_examples_start_plot_quickstart.py`.

import time

from relcon_sklearn import RelConEmbedder

unlabelled = subject < 28
start = time.perf_counter()
embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0)
embedder.fit(X[unlabelled])
print(f"pretraining took {time.perf_counter() - start:.0f} s")

# %%
# The protocols. ``FrozenEstimator`` prevents a pipeline from fitting the embedder again. A
# :class:`~relcon_sklearn.RelConClassifier` starts from a copy of its encoder. Four people are too
# few for validation, so the number of epochs is fixed. For a fair comparison, the network trained
# from scratch gets more epochs, because it needs them.

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import RelConClassifier

pretrained = FrozenEstimator(embedder)
training = {"batch_size": 32, "validation_fraction": 0, "random_state": 0}
protocols = {
    "linear probe": make_pipeline(pretrained, StandardScaler(), LogisticRegression(max_iter=2000)),
    "MLP probe": make_pipeline(
        pretrained, StandardScaler(), MLPClassifier(256, max_iter=500, random_state=0)
    ),
    "fine-tuned, first stage frozen": RelConClassifier(
        pretrained, freeze=1, max_epochs=12, **training
    ),
    "fine-tuned": RelConClassifier(pretrained, max_epochs=12, **training),
    # From scratch, a network needs more steps: with 12 epochs it would seem worse than it is.
    "same network from scratch": RelConClassifier(embedder.encoder, max_epochs=40, **training),
}

# %%
# The choice of the four labelled people matters as much as the protocol, so each protocol is run
# with three different sets of four.

import numpy as np
from sklearn.metrics import f1_score

labelled_people = np.arange(28, 40).reshape(3, 4)
scores, seconds = {}, {}
for name, model in protocols.items():
    scores[name] = []
    start = time.perf_counter()
    for people in labelled_people:
        train = np.isin(subject, people)
        test = ~unlabelled & ~train
        model.fit(X[train], activity[train])
        scores[name].append(f1_score(activity[test], model.predict(X[test]), average="macro"))
    seconds[name] = (time.perf_counter() - start) / len(labelled_people)
    print(f"{name:<32} macro-F1 {np.mean(scores[name]):.3f}   {seconds[name]:.1f} s")

# %%
# The times are for fitting and predicting once, without the pretraining.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
markers = ["o", "s", "^"]
for row, values in enumerate(scores.values()):
    for value, marker in zip(values, markers, strict=True):
        ax.plot(value, row, marker, color="#0072B2", alpha=0.6, markersize=7)
    ax.plot(np.mean(values), row, "|", color="black", markersize=20, markeredgewidth=2)
ax.set(yticks=range(len(scores)), yticklabels=scores, ylim=(len(scores) - 0.5, -0.5))
ax.set(xlabel="macro-F1 on eight other people\n(markers: which four were labelled; bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# With labels of only four people, the probes of the pretrained encoder are better than the network
# from scratch, and are fitted in a moment. Fine-tuning the whole encoder gains nothing over a
# probe. The choice of the four people matters as much as the protocol.
#
# Pretraining saves time in later trainings: fine-tuning needs fewer epochs than training from
# scratch. For a single task, the pretraining takes longer than it saves. It is worth it if one
# encoder serves many tasks. With labels of more people, early stopping is possible and training the
# whole encoder may be worth it: leave ``validation_fraction`` at its default then, and pass
# ``groups``.
