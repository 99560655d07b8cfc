"""
How an embedding organises itself
=================================

An encoder is pretrained without labels. We look at its losses and at a map of unseen people: is the
embedding organised by activity, or by person? We compare the map with that of the model in the
package.
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
# A third of the people is held out for the map. The settings are those of
# :ref:`sphx_glr_auto_examples_plot_01_quickstart.py`, which explains the loss, with shorter epochs
# and with validation. ``validation_fraction=0.1`` holds out a tenth of the other people, so ``fit``
# needs ``groups``. By default, there is no validation, and all segments are used for training.

from sklearn.model_selection import GroupShuffleSplit

from relcon_sklearn import RelConEmbedder

splitter = GroupShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0)
train, test = next(splitter.split(X, activity, subject))

embedder = RelConEmbedder(
    max_epochs=10,
    steps_per_epoch=20,
    batch_size=64,
    validation_fraction=0.1,
    sampling_rate=50,
    random_state=0,
)
embedder.fit(X[train], groups=subject[train])

# %%
# The encoder learns similar embeddings for segments whose hand-made features are similar. The
# weights of the epoch with the lowest loss on the held-out tenth are kept.

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import TrainingCurveDisplay

display = TrainingCurveDisplay.from_estimator(embedder)
plt.show()

# %%
# The validation loss is below the training loss, because it is computed at the end of an epoch and
# of other people. Its shape matters, not its level. The loss cannot reach 0: all segments except
# eight are negatives, even if they are similar, and which of two similar walks is nearer is chance.
# Only a task can show how good the embedding is.
#
# The map of the held-out people by the same network before training is an important baseline:
# convolutions with random weights already capture a lot.

from sklearn.manifold import TSNE

from relcon_sklearn.plotting import EmbeddingMapDisplay

untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[train])


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


draw_map(untrained, "untrained")

# %%

draw_map(embedder, "pretrained here, in seconds")

# %%
# The model in the package was trained in the same way for longer, on 303 hours of real people.

model = RelConEmbedder.from_pretrained("motion-small")
# sphinx_gallery_thumbnail_number = 4
draw_map(model, "model in the package")

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
# In the untrained network, all activities except running are mixed. After seconds of pretraining,
# there are three groups: rest, gait and running. The model in the package, which has never seen
# generated motion, has the same groups, and the most similar segment of another person has the same
# activity more often. Within the groups, activities still overlap in the maps. Lying, sitting and
# standing differ in the direction of gravity, which here also depends on how the device is put on.
#
# In all three, half of the most similar segments are of the same person. Pretraining does not
# change this: people differ in their gait, and in how they put the device on.
