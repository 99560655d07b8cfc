"""
Activity recognition with nested cross-validation
=================================================

How well will a model do on people it has never met? To answer without fooling oneself, people have
to be held out whole, hyperparameters have to be chosen without those held out, and an encoder that
is pretrained on the same people has to be pretrained anew for each fold. Nested cross-validation
with metadata routing does all of it.
"""

# %%
# Generated people, or labelled recordings of your own: name their file in the environment variable
# ``RELCON_RECORDINGS``. :func:`~relcon_sklearn.datasets.load_npz_recordings` says what is to be in
# it. All that a person recorded has to bear the same name there (``recording_subject``). Somebody
# with two names would be in training and in the test at once, and the scores too good.

import os

import numpy as np

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import load_npz_recordings, make_motion


def load_recordings(path, n_segments):
    """Segments of recordings in an npz file, what was done in them and by whom."""
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
        600,
        24,
        n_timesteps=128,
        sampling_rate=50,
        activities=["sitting", "walking", "stairs", "running"],
        random_state=0,
    )
X = X - X.mean(axis=1, keepdims=True)  # mostly gravity: how the device is worn, not how it moves

# %%
# The pipeline: an encoder, pretrained within it, and a linear classifier. The encoder asks for
# ``groups`` when it is fitted; so do the splitters; metadata routing hands them to whoever asks.
# The classifier's C does not touch the encoder: with ``memory``, pretraining is done once for each
# training set and not once for each C. The settings are those of
# :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`, for a still shorter training.

import tempfile

from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation, Scaling, TimeFlip

cache = tempfile.TemporaryDirectory()

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=8, max_epochs=2, batch_size=16, lr=1e-2),
    encoder="resnet14-half",
    augmentation=RandomAugmentations([Rotation(), Scaling(), Jitter(0.05), TimeFlip()]),
    n_positives=2,
    n_between=0,
    candidates="shared",
    n_within=7,
    batch_size=8,
    query_stride=8,
    max_epochs=8,
    random_state=0,
)

with config_context(enable_metadata_routing=True):
    pipeline = Pipeline(
        [
            ("embed", embedder.set_fit_request(groups=True)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression(max_iter=2000)),
        ],
        memory=cache.name,
    )
    search = GridSearchCV(
        pipeline, {"classify__C": [0.01, 0.1, 1]}, cv=GroupKFold(2), scoring="f1_macro"
    )

search

# %%
# Nothing is fitted so far. ``cross_val_predict`` fits copies of it, one for each of three parts of
# the people, who are predicted by a copy that has not met them.

with config_context(enable_metadata_routing=True):
    predicted = cross_val_predict(search, X, activity, cv=GroupKFold(3), params={"groups": subject})

cache.cleanup()

# %%
# The same with features made by hand. There is nothing to pretrain, but people are held out and C
# is chosen in the same way.

from sklearn.preprocessing import FunctionTransformer


def features(X):
    """Statistics and spectrum of the magnitude of acceleration, however the device is turned."""
    magnitude = np.linalg.norm(X, axis=2)
    spectrum = np.abs(np.fft.rfft(magnitude - magnitude.mean(axis=1, keepdims=True)))
    quantiles = np.quantile(magnitude, [0.1, 0.25, 0.5, 0.75, 0.9], axis=1).T
    return np.column_stack([magnitude.mean(1), magnitude.std(1), quantiles, spectrum[:, :20]])


with config_context(enable_metadata_routing=True):
    by_hand = Pipeline(
        [
            ("embed", FunctionTransformer(features)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression(max_iter=2000)),
        ]
    )
    predicted_by_hand = cross_val_predict(
        GridSearchCV(by_hand, search.param_grid, cv=GroupKFold(2), scoring="f1_macro"),
        X,
        activity,
        cv=GroupKFold(3),
        params={"groups": subject},
    )

# %%
# Class by class, on people not seen:

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import ModelComparisonDisplay

predictions = {"features": predicted_by_hand, "RelCon": predicted}
display = ModelComparisonDisplay.from_predictions(activity, predictions)
plt.show()

# %%
# And person by person, which says what a mean over segments hides: for whom it does not work.
# (Each person has few segments, so that many have the same accuracy. Dots are moved at random by
# up to 0.01 not to cover each other.)

from sklearn.metrics import accuracy_score

accuracy = {
    name: [accuracy_score(activity[subject == s], y[subject == s]) for s in np.unique(subject)]
    for name, y in predictions.items()
}
fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="grey", linewidth=1)
dots = np.column_stack([accuracy["features"], accuracy["RelCon"]])
dots += np.random.default_rng(0).uniform(-0.01, 0.01, size=dots.shape)
ax.plot(*dots.T, "o", color="#0072B2", alpha=0.6)
low = min(map(min, accuracy.values())) - 0.05
ax.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal")
ax.set(xlabel="accuracy, features", ylabel="accuracy, RelCon", title="each dot is a person")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Features win here: a fold leaves some 400 segments, and the training is a short one. What is hard
# is to tell stairs from walking. The two do not fail for the same people: most of those whom RelCon
# recognises worst are recognised well by features. (With so few segments of each person, some of
# that is chance.)
#
# The figures are honest for both: no model knew anything of the people it is judged on, neither
# their labels nor their signals.
#
# Where recordings of many more people are at hand, though without labels, there is no need for all
# this. Pretrain on them once, and put ``FrozenEstimator(embedder)`` into the pipeline: none of its
# training data is in a test fold then. See :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`.
