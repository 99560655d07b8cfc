"""
How an embedding organises itself
=================================

Is an embedding that was learned without labels organised by activity, or by person? We draw maps of
people whom no encoder has seen: by the model in the package, by the same network before training,
and by one that is pretrained here in seconds.
"""

# %%
# Generated people in six activities, with a device on the wrist, at any orientation. To use your
# own labelled recordings, set the environment variable ``RELCON_RECORDINGS`` to the name of their
# file. :func:`~relcon_sklearn.datasets.load_npz_recordings` describes its format. Gravity stays in
# the segments, because the model in the package was trained with it.

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
    X, activity, subject = load_recordings(os.environ["RELCON_RECORDINGS"], n_segments=1200)
else:
    X, activity, subject, *_ = make_motion(
        1200, 30, n_timesteps=128, sampling_rate=50, placement="wrist", random_state=0
    )

# %%
# A third of the people is held out for the maps. This is the map of the model in the package, which
# was trained on 303 hours of real people and has never seen generated motion.

import matplotlib.pyplot as plt
from sklearn.manifold import TSNE
from sklearn.model_selection import GroupShuffleSplit

from relcon_sklearn import RelConEmbedder
from relcon_sklearn.plotting import EmbeddingMapDisplay

splitter = GroupShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0)
train, test = next(splitter.split(X, activity, subject))


def draw_map(embedder, title):
    """Draw a map of the test people, by activity and by subject."""
    display = EmbeddingMapDisplay.from_estimator(
        embedder,
        X[test],
        activity[test],
        groups=subject[test],
        transformer=TSNE(metric="cosine", init="random", random_state=0),
        label_name="activity",
    )
    display.figure_.suptitle(title)
    plt.show()


model = RelConEmbedder.from_pretrained("motion-small")
draw_map(model, "model in the package")

# %%
# The same network before training is an important baseline: convolutions with random weights
# already capture a lot.

untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[train])
draw_map(untrained, "untrained")

# %%
# Now we pretrain one on the other people, in seconds. The settings are those of
# :ref:`sphx_glr_auto_examples_start_plot_quickstart.py`, which explains the loss, with shorter
# epochs and with validation. ``validation_fraction=0.1`` holds out a tenth of these people, so
# ``fit`` needs ``groups``. By default, there is no validation, and all segments are used for
# training. The weights of the epoch with the lowest validation loss are kept.

from relcon_sklearn.plotting import TrainingCurveDisplay

embedder = RelConEmbedder(
    max_epochs=10,
    steps_per_epoch=20,
    batch_size=64,
    validation_fraction=0.1,
    sampling_rate=50,
    random_state=0,
)
embedder.fit(X[train], groups=subject[train])
display = TrainingCurveDisplay.from_estimator(embedder)
plt.show()

# %%
# The validation loss is below the training loss, because it is computed at the end of an epoch and
# of other people. Its shape matters, not its level. The loss cannot reach 0: all segments except
# eight are negatives, even if they are similar, and which of two similar walks is nearer is chance.
# Only a task can show how good the embedding is. This is its map:

draw_map(embedder, "pretrained here, in seconds")

# %%
# A map of two dimensions can be misleading, so we count. How often does the most similar segment of
# another person have the same activity? And how often is the most similar segment of all from the
# same person?

from sklearn.metrics.pairwise import cosine_similarity

models = {"untrained": untrained, "pretrained here": embedder, "model in the package": model}
for name, fitted in models.items():
    similarity = cosine_similarity(fitted.transform(X[test]))
    np.fill_diagonal(similarity, -1)
    same_person = np.equal.outer(subject[test], subject[test])
    nearest = similarity.argmax(axis=1)
    nearest_other = np.where(same_person, -1, similarity).argmax(axis=1)
    by_activity = np.mean(activity[test] == activity[test][nearest_other])
    by_person = np.mean(subject[test] == subject[test][nearest])
    print(f"{name:<21} same activity {by_activity:.2f}   same person {by_person:.2f}")

shares = [np.unique(of[test], return_counts=True)[1] / len(test) for of in (activity, subject)]
by_activity, by_person = (np.sum(share**2) for share in shares)
print(f"{'chance':<21} same activity {by_activity:.2f}   same person {by_person:.2f}")

# %%
# An embedding is organised by both. Pretraining separates rest, gait and running, which the
# untrained network mixes except for running, and the model in the package finds the activity best.
# In all three, half of the most similar segments are of the same person.
#
# Within the groups, activities still overlap in the maps. Lying, sitting and standing differ in the
# direction of gravity, which here also depends on how the device is put on. Pretraining does not
# change the share of the same person: people differ in their gait, and in how they put the device
# on.
