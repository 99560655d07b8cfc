"""
Activity recognition with nested cross-validation
=================================================

How well does a model work on unseen people? An unbiased answer has three requirements. All segments
of a held-out person must be held out. Hyperparameters must be chosen without the held-out people.
An encoder that is pretrained on the same people must be pretrained again for each fold. Nested
cross-validation with metadata routing does all three.
"""

# %%
# We use generated people, or your own labelled recordings: set the environment variable
# ``RELCON_RECORDINGS`` to the name of their file.
# :func:`~relcon_sklearn.datasets.load_npz_recordings` describes its format. All recordings of a
# person must have the same name there (``recording_subject``). A person with two names would be in
# both the training and the test part, and the scores would be too high. The generated people wear
# the device on the wrist, at any orientation.

import os

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings, make_motion


def load_recordings(path, n_segments):
    """Return segments of the recordings in an npz file, their activities and subjects."""
    data = load_npz_recordings(path)
    known = {"labels": data.labels, "subjects": data.subjects, "timestamps": data.timestamps}
    X, activity, subject, *_ = segment_recordings(
        data.recordings, data.sampling_rate, units="g", target_rate=50, short="skip", **known
    )
    rows = np.random.default_rng(0).permutation(len(X))[:n_segments]
    return X[rows], activity[rows], subject[rows]


if "RELCON_RECORDINGS" in os.environ:
    X, activity, subject = load_recordings(os.environ["RELCON_RECORDINGS"], n_segments=600)
else:
    X, activity, subject, *_ = make_motion(
        600, 24, n_timesteps=128, sampling_rate=50, placement="wrist", random_state=0
    )

# %%
# A pipeline has a representation and a linear classifier. Four representations are compared. The
# model in the package was trained on recordings of other people, and ``FrozenEstimator`` keeps it
# as it is. Only the last one is pretrained on the people of the task, so that it must be pretrained
# within the pipeline, without the held-out people. Its settings are explained in
# :ref:`sphx_glr_auto_examples_start_plot_quickstart.py`. Here the training is even shorter.

from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_union

from relcon_sklearn import MotionFeatures, RelConEmbedder

features = MotionFeatures(sampling_rate=50)
model = FrozenEstimator(RelConEmbedder.from_pretrained("motion-small"))
embedder = RelConEmbedder(
    max_epochs=1, steps_per_epoch=40, batch_size=64, sampling_rate=50, random_state=0
)
with config_context(enable_metadata_routing=True):
    embedder.set_fit_request(groups=False)
representations = {
    "features": features,
    "model in the package": model,
    "model and features": make_union(model, features),
    "pretrained in each fold": embedder,
}

# %%
# The splitters request ``groups``, and metadata routing passes them on. The encoder does not need
# them with these settings (``set_fit_request(groups=False)``). Validation and within-subject
# candidates would. The classifier's C does not affect the representation: with ``memory``,
# pretraining is done once for each training set and not once for each C.

import tempfile

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

cache = tempfile.TemporaryDirectory()


def make_search(representation):
    """Return a search for the C of a classifier on a representation."""
    steps = [
        ("embed", representation),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
    pipeline = Pipeline(steps, memory=cache.name)
    return GridSearchCV(
        pipeline, {"classify__C": [0.01, 0.1, 1]}, cv=GroupKFold(2), scoring="f1_macro"
    )


with config_context(enable_metadata_routing=True):
    searches = {name: make_search(one) for name, one in representations.items()}

searches["pretrained in each fold"]

# %%
# Nothing is fitted so far. ``cross_val_predict`` divides the people into three parts. It fits one
# copy of the search for each part, on the other people, and predicts the part with it.

with config_context(enable_metadata_routing=True):
    predictions = {
        name: cross_val_predict(search, X, activity, cv=GroupKFold(3), params={"groups": subject})
        for name, search in searches.items()
    }

cache.cleanup()

# %%
# The scores of each class, on unseen people:

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import ModelComparisonDisplay

display = ModelComparisonDisplay.from_predictions(activity, predictions)
plt.show()

# %%
# The scores of each person show what a mean over segments hides: for whom a model does not work.
# Each person has few segments, so many have the same accuracy. Dots are moved randomly by up to
# 0.01, so that they do not cover each other.

from sklearn.metrics import accuracy_score

people = np.unique(subject)
accuracy = {
    name: np.array([accuracy_score(activity[subject == s], y[subject == s]) for s in people])
    for name, y in predictions.items()
}
compared = ["features", "model in the package"]
fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="grey", linewidth=1)
dots = np.column_stack([accuracy[name] for name in compared])
higher = np.sign(dots[:, 1] - dots[:, 0])
dots = dots + np.random.default_rng(0).uniform(-0.01, 0.01, size=dots.shape)
ax.plot(*dots.T, "o", color="#0072B2", alpha=0.6)
low = dots.min() - 0.05
ax.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal", title="each dot is a person")
ax.set(xlabel=f"accuracy, {compared[0]}", ylabel=f"accuracy, {compared[1]}")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

for name, values in accuracy.items():
    print(f"{name:<24} mean accuracy of a person {values.mean():.3f}")
print(
    f"The model is more accurate for {np.sum(higher > 0)} people, less for {np.sum(higher < 0)}, "
    f"and equally for {np.sum(higher == 0)}."
)

# %%
# In the mean over classes, the model in the package, the features and both together are about equal
# here, but not for each class and person. The encoder that was pretrained in each fold is far below
# them: nested pretraining is repeated for each training set, nine times on this page, so that each
# training has only forty steps.
#
# The model distinguishes walking from stairs better. The features are better for lying and
# standing, where the device hardly moves and only gravity is left, which depends on how the device
# is put on. Each of the two is better for some people. With 25 segments of a person, part of this
# is chance.
#
# The results are unbiased for all four: no representation has seen the labels or signals of the
# people on whom it is evaluated. If you pretrain on other people than those with labels, nested
# pretraining is not needed either. Put ``FrozenEstimator(embedder)`` into the pipeline, as with the
# model in the package. In :doc:`/models` are its scores on recordings of real people.
