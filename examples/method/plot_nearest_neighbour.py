"""
Dynamic time warping against the learned distance
=================================================

Which measure of similarity finds segments of the same activity, and how long does it take? Dynamic
time warping (DTW) is the classic one for time series. We compare it with the learned distance, with
hand-made features and with the embedding, by the accuracy of the nearest neighbour and by time.
"""

# %%
# The activities of one half of the people are known. Each segment of the other half gets the
# activity of its nearest neighbour among them. We use generated people, or your own labelled
# recordings: set the environment variable ``RELCON_RECORDINGS`` to the name of their file.
# :func:`~relcon_sklearn.datasets.load_npz_recordings` describes its format.

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
    X, activity, subject = load_recordings(os.environ["RELCON_RECORDINGS"], n_segments=800)
else:
    X, activity, subject, *_ = make_motion(
        800,
        30,
        n_timesteps=128,
        sampling_rate=50,
        activities=["sitting", "walking", "stairs", "running"],
        random_state=0,
    )
X = X - X.mean(axis=1, keepdims=True)  # mostly gravity: how the device is worn

people = np.random.default_rng(0).permutation(np.unique(subject))
known = np.isin(subject, people[: len(people) // 2])
query = ~known

# %%
# The learned distance and an encoder are trained on the first half, without labels. The settings of
# the encoder are those of :ref:`sphx_glr_auto_examples_start_plot_quickstart.py`: it learns from
# the distance of hand-made features. This distance needs no training, only the mean and scale of
# each feature. DTW needs neither.

from time import perf_counter

from relcon_sklearn import FeatureDistance, LearnedMotifDistance, RelConEmbedder

start = perf_counter()
learned = LearnedMotifDistance.for_cpu(random_state=0)
learned.fit(X[known], groups=subject[known])
print(f"the distance took {perf_counter() - start:.0f} s")

start = perf_counter()
embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0)
embedder.fit(X[known])
print(f"the encoder took {perf_counter() - start:.0f} s")

features = FeatureDistance(sampling_rate=50).fit(X[known])

# %%
# Each function returns the distances of the query segments (rows) from the known ones (columns).
# DTW uses the three axes unmodified. On the magnitude of acceleration, DTW does not depend on how
# the device is worn, but loses all direction. Accuracies are means over the query people, with
# standard errors over people, because the segments of one person are not independent.

from scipy.stats import sem
from sklearn.metrics import euclidean_distances
from sklearn.metrics.pairwise import cosine_distances
from tslearn.metrics import cdist_dtw


def euclidean(A, B):
    """Return the Euclidean distances, sample by sample."""
    return euclidean_distances(A.reshape(len(A), -1), B.reshape(len(B), -1))


def dtw_of_magnitudes(A, B):
    """Return DTW of the magnitudes of acceleration."""
    return cdist_dtw(np.linalg.norm(A, axis=2), np.linalg.norm(B, axis=2))


def cosine_of_embeddings(A, B):
    """Return one minus the cosine similarity of the embeddings."""
    return cosine_distances(embedder.transform(A), embedder.transform(B))


distances = {
    "Euclidean": euclidean,
    "DTW": cdist_dtw,
    "DTW of magnitudes": dtw_of_magnitudes,
    "learned distance": learned.pairwise,
    "features": features.pairwise,
    "embedding": cosine_of_embeddings,
}
accuracy, error, seconds = {}, {}, {}
print(f"{query.sum()} query segments, {known.sum()} known")
for name, distance in distances.items():
    distance(X[:2], X[:2])  # compiled on the first call
    start = perf_counter()
    nearest = distance(X[query], X[known]).argmin(axis=1)
    seconds[name] = perf_counter() - start
    right = activity[query] == activity[known][nearest]
    of_person = [right[subject[query] == person].mean() for person in np.unique(subject[query])]
    accuracy[name], error[name] = np.mean(of_person), sem(of_person)
    print(f"{name:<18} accuracy {accuracy[name]:.2f} ± {error[name]:.2f} {seconds[name]:8.2f} s")

# %%

import matplotlib.pyplot as plt

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
n_pairs = query.sum() * known.sum()
for row, name in enumerate(distances):
    trained = name in ("learned distance", "embedding")
    style = {"fmt": "o", "color": "#0072B2"} if trained else {"fmt": "s", "color": "#D55E00"}
    kind = "trained, without labels" if trained else "not trained"
    left.errorbar(accuracy[name], row, xerr=error[name], capsize=3, **style)
    right.errorbar(1e6 * seconds[name] / n_pairs, row, label=kind, **style)
left.set_yticks(range(len(distances)), distances)
left.set(ylim=(len(distances) - 0.5, -0.5), xlabel="accuracy of the nearest neighbour")
right.set(xscale="log", xlabel="time per pair (µs)")
for ax in (left, right):
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
handles, kinds = right.get_legend_handles_labels()
kinds = dict(zip(kinds, handles, strict=True))
fig.legend(kinds.values(), kinds, loc="outside upper right", ncols=2, frameon=False)
plt.show()

# %%
# The distance of hand-made features is the best here, and the embedding, which learns from it in
# seconds, is as good as DTW of the magnitude. It is cheap to embed once and compare often: features
# and embedding are computed once for each segment, DTW and the learned distance for each pair.
#
# DTW of three axes and the Euclidean distance depend on how the device is worn. The Euclidean
# distance also fails if two walks are out of step. The learned distance is affected by neither, and
# is as good as DTW of three axes. But it is worse than DTW of the magnitude, a change of one line
# that an expert would make. Note the standard errors: with other people the order of the best three
# may change. The times do not include the training, whose times are printed above.
