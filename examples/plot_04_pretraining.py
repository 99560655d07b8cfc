"""
How an embedding organises itself
=================================

:class:`~relcon_sklearn.RelConEmbedder` is pretrained without labels. We look at its losses, and at
the map of people it has never seen: does it come to be organised by what they do, or by who they
are?
"""

# %%
# Generated people in four activities, wearing the device at any orientation. To look at labelled
# recordings of your own, name their file in the environment variable ``RELCON_RECORDINGS``:
# :func:`~relcon_sklearn.datasets.load_npz_recordings` says what is to be in it.

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
    X, activity, subject = load_recordings(os.environ["RELCON_RECORDINGS"], n_segments=1200)
else:
    X, activity, subject, *_ = make_motion(
        1200,
        30,
        n_timesteps=128,
        sampling_rate=50,
        activities=["sitting", "walking", "stairs", "running"],
        random_state=0,
    )
X = X - X.mean(axis=1, keepdims=True)  # mostly gravity: how the device is worn, not how it moves

# %%
# A third of the people is set aside for the map. Settings are for a short training on a CPU, and
# with two augmented views of each segment and two positives not the published ones:
# :ref:`sphx_glr_auto_examples_plot_01_quickstart.py` explains them.

from sklearn.model_selection import GroupShuffleSplit

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.augmentations import Jitter, Rotation, Scaling, TimeFlip

splitter = GroupShuffleSplit(n_splits=1, test_size=1 / 3, random_state=0)
train, test = next(splitter.split(X, activity, subject))

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=16, max_epochs=8, batch_size=16, lr=1e-2),
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
).fit(X[train], groups=subject[train])

# %%
# Two trainings lie behind it: that of the distance, which learns to rebuild segments from augmented
# copies, and that of the encoder, which learns to put together what is near by this distance. A
# tenth of the people is held out from either; the weights kept are those of the epoch at which the
# loss of these was lowest.

import matplotlib.pyplot as plt

from relcon_sklearn.plotting import TrainingCurveDisplay

display = TrainingCurveDisplay.from_estimator(embedder)
plt.show()

# %%
# The second curve falls by little. It cannot come near 0: all segments but two are negatives,
# however similar they are, and which of two like walks is nearer is chance. What the loss is worth
# has to be seen on a task.
#
# The map of the people set aside, by the same network before any training, is a baseline that
# should not be skipped: convolutions of random weights see a good deal.

from sklearn.frozen import FrozenEstimator
from sklearn.manifold import TSNE

from relcon_sklearn.plotting import EmbeddingMapDisplay

untrained = RelConEmbedder(
    FrozenEstimator(embedder.distance_), encoder="resnet14-half", max_epochs=0, random_state=0
).fit(X[train], groups=subject[train])


def draw_map(embedder, title):
    """Map the test people, by activity and by subject."""
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

draw_map(embedder, "pretrained")

# %%
# A map of two dimensions can mislead; counting cannot. How often is the most similar segment, of
# all other people's, of the same activity? And how often is the most similar segment, of
# everybody's, of the same person?

from sklearn.metrics.pairwise import cosine_similarity

for name, model in {"untrained": untrained, "pretrained": embedder}.items():
    similarity = cosine_similarity(model.transform(X[test]))
    np.fill_diagonal(similarity, -1)
    same_person = np.equal.outer(subject[test], subject[test])
    nearest = similarity.argmax(axis=1)
    nearest_other = np.where(same_person, -1, similarity).argmax(axis=1)
    by_activity = np.mean(activity[test] == activity[test][nearest_other])
    by_person = np.mean(subject[test] == subject[test][nearest])
    print(f"{name:<11} same activity {by_activity:.2f}   same person {by_person:.2f}")

shares = [np.unique(of[test], return_counts=True)[1] / len(test) for of in (activity, subject)]
by_activity, by_person = (np.sum(share**2) for share in shares)
print(f"{'chance':<11} same activity {by_activity:.2f}   same person {by_person:.2f}")

# %%
# Pretraining moved the embedding from who to what: walking and climbing stairs, one mixed crowd at
# first, come apart. It is far from blind to people still. With the settings above, the candidate
# that an anchor is drawn to, besides its own other view, is of the same person; some recognition of
# gaits comes with that, wanted or not.
