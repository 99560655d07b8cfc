"""
Dynamic time warping against the learned distance
=================================================

To recognise an activity, find the most similar segment whose activity is known. Similar by what?
Dynamic time warping (DTW) is the classic answer for time series. We compare it with the learned
distance and with the embedding, by accuracy and by time.
"""

# %%
# The names of the nearest neighbours come from some people, and are asked for segments of others.
# Generated people, or labelled recordings of your own: name a folder of them in the environment
# variable ``RELCON_DATA``, in the format of :func:`~relcon_sklearn.datasets.load_npz_recordings`.

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
X = X - X.mean(axis=1, keepdims=True)  # mostly gravity: how the device is worn, not how it moves

rng = np.random.default_rng(0)
people = rng.permutation(np.unique(subject))
training = np.isin(subject, people[: len(people) // 2])
known, asked = (rng.permutation(np.flatnonzero(rows))[:150] for rows in (training, ~training))

# %%
# The distance, and an encoder that it teaches, are trained without labels on half of the people.
# DTW needs no training.

from time import perf_counter

from sklearn.frozen import FrozenEstimator

from relcon_sklearn import LearnedMotifDistance, RandomAugmentations, RelConEmbedder
from relcon_sklearn.segments import Jitter, Rotation, Scaling, TimeFlip

start = perf_counter()
learned = LearnedMotifDistance(
    embed_dim=16, max_epochs=8, batch_size=16, lr=1e-2, random_state=0
).fit(X[training], groups=subject[training])
embedder = RelConEmbedder(
    FrozenEstimator(learned),
    encoder="resnet14-half",
    augmentation=RandomAugmentations([Rotation(), Scaling(), Jitter(0.05), TimeFlip()]),
    n_positives=2,
    n_between=0,
    candidates="shared",
    n_within=7,
    batch_size=8,
    query_stride=4,
    max_epochs=12,
    random_state=0,
).fit(X[training], groups=subject[training])
print(f"training took {perf_counter() - start:.0f} s")

# %%
# Each function gives the distances of the segments asked for (rows) from the known ones (columns):
# 22,500 pairs, whose nearest neighbours are looked up. DTW takes the three axes as they are; on the
# magnitude of acceleration it cannot mind how the device is worn, and loses all direction.

from sklearn.metrics import accuracy_score, euclidean_distances
from sklearn.metrics.pairwise import cosine_distances
from tslearn.metrics import cdist_dtw


def euclidean(A, B):
    """Euclidean distance, sample by sample."""
    return euclidean_distances(A.reshape(len(A), -1), B.reshape(len(B), -1))


def dtw_of_magnitudes(A, B):
    """DTW of the magnitude of acceleration."""
    return cdist_dtw(np.linalg.norm(A, axis=2), np.linalg.norm(B, axis=2))


def cosine_of_embeddings(A, B):
    """One minus the cosine similarity of the embeddings."""
    return cosine_distances(embedder.transform(A), embedder.transform(B))


distances = {
    "Euclidean": euclidean,
    "DTW": cdist_dtw,
    "DTW of magnitudes": dtw_of_magnitudes,
    "learned distance": learned.pairwise,
    "embedding": cosine_of_embeddings,
}
accuracy, seconds = {}, {}
for name, distance in distances.items():
    distance(X[:2], X[:2])  # compiled on the first call
    start = perf_counter()
    nearest = distance(X[asked], X[known]).argmin(axis=1)
    seconds[name] = perf_counter() - start
    accuracy[name] = accuracy_score(activity[asked], activity[known][nearest])
    print(f"{name:<18} accuracy {accuracy[name]:.2f}   {seconds[name]:6.2f} s")

# %%

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
n_pairs = len(asked) * len(known)
for name in distances:
    ours = name in ("learned distance", "embedding")
    micros = 1e6 * seconds[name] / n_pairs
    ax.plot(micros, accuracy[name], "o" if ours else "s", color="#0072B2" if ours else "#D55E00")
    ax.annotate(
        name, (micros, accuracy[name]), xytext=(7, 0), textcoords="offset points", va="center"
    )
ax.set(xscale="log", xlabel="time for a pair (µs)", ylabel="accuracy of the nearest neighbour")
ax.margins(x=0.2, y=0.1)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# DTW of three axes is misled by how the device is worn, as is the Euclidean distance, which is
# also at a loss when two walks are out of step. The learned distance minds neither. But it is no
# better than DTW of the magnitude, a change of one line that an expert would think of; and all that
# compare pairs take a hundred microseconds or more for each.
#
# The embedding, which was taught by the learned distance to tell near from far, is as good as the
# best, and takes its time for segments and not for pairs: to embed once and compare often is cheap.
# The table above does not hold the time that training took.
