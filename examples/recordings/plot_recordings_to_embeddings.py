"""
From raw recordings to embeddings
=================================

How are recordings embedded that do not fit into memory? A folder of CSV files, one per person, with
gaps where the radio lost packets, becomes a store of segments on disk. An encoder is pretrained
from the store and embeds it, with one recording or one batch in memory at a time.
"""

# %%
# The files are generated here, in the form in which a device might export them: a timestamp and
# three axes at 50 Hz, three minutes for each of thirty people.

import tempfile
from pathlib import Path

from relcon_sklearn.datasets import make_recordings

temporary = tempfile.TemporaryDirectory()
work = Path(temporary.name)
folder = work / "recordings"
folder.mkdir()
data = make_recordings(30, duration=180, dropout=0.02, as_frame=True, random_state=0)
for name, frame in zip(data.subjects, data.recordings, strict=True):
    frame.drop(columns="label").to_csv(folder / f"{name}.csv", index_label="time")

print(*(folder / "s00.csv").read_text().splitlines()[:4], sep="\n")

# %%
# Segments on disk
# ----------------
# From here on, the code is the same for your own recordings.
# :func:`~relcon_sklearn.segment_recordings` checks timestamps and units, and cuts windows of
# 2.56 s, none across a gap. A :class:`~relcon_sklearn.SegmentWriter` appends them to a store, one
# person at a time. The samples that are left out are counted. If the loop is interrupted, run it
# again: it continues with the next missing person.

from collections import Counter

import pandas as pd

from relcon_sklearn import SegmentWriter, open_segments, segment_recordings

left_out = Counter()
with SegmentWriter(work / "store", n_timesteps=128, n_channels=3, sampling_rate=50) as writer:
    for path in sorted(folder.glob("*.csv")):
        if path.stem in writer.subjects:  # from an interrupted run
            continue
        frame = pd.read_csv(path, index_col="time", parse_dates=True)
        segments = segment_recordings(frame, 50, units="g", window=2.56)
        writer.append(segments.X, path.stem, times=segments.start_times)
        left_out.update(segments.dropped)

store = open_segments(work / "store")
print(f"{len(store)} segments of {len(store.subjects)} people")
print("left out:", {what: round(count, 1) for what, count in left_out.items() if count})

# %%
# Half a minute of one recording, with the windows that were cut from it. The last window before a
# gap ends before it, and the next one starts after it.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

subject = "s20"
frame = pd.read_csv(folder / f"{subject}.csv", index_col="time", parse_dates=True)
one = store.select([subject])
starts = (one.times - frame.index[0].to_datetime64()) / np.timedelta64(1, "s")
seconds = (frame.index - frame.index[0]) / pd.Timedelta("1s")
gaps = np.flatnonzero(np.diff(seconds) > 0.1) + 1  # where to interrupt the lines

fig, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
for axis, colour in zip("xyz", ["#0072B2", "#D55E00", "#009E73"], strict=True):
    values = np.insert(frame[axis].to_numpy(), gaps, np.nan)
    ax.plot(np.insert(seconds, gaps, np.nan), values, color=colour, linewidth=0.9, label=axis)
bottom = frame[["x", "y", "z"]].min().min() - 0.2
ax.hlines(np.full(len(starts), bottom), starts + 0.1, starts + 2.46, color="black", linewidth=5)
ax.text(57, bottom, "segments", ha="center", va="center")
ax.set(xlim=(45, 75), xlabel="time (s)", ylabel="acceleration (g)")
ax.legend(loc="upper center", bbox_to_anchor=(0.43, 0.9), frameon=False)  # in the gap
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Pretraining from the store
# --------------------------
# ``store.X`` stays on disk and is read batch by batch. It knows its sampling rate. The signal keeps
# its gravity here, and with ``augmentation=None`` the encoder sees no rotated views, so that
# postures can be distinguished. The positives of a segment are then the eight others of the batch
# whose hand-made features are most similar. The training is a short one.

from relcon_sklearn import RelConEmbedder

embedder = RelConEmbedder(augmentation=None, max_epochs=1, batch_size=64, random_state=0)
embeddings = embedder.fit(store.X).transform(store.X)
print(f"embeddings: {embeddings.shape}")

# %%
# A recording in its embedding
# ----------------------------
# How similar are the windows of a recording to each other? Blocks are periods of one activity. The
# labels above were not used in training; they only name the blocks. White stripes are missing
# data: gaps, and pieces next to them that are shorter than a window.

from sklearn.metrics.pairwise import cosine_similarity

activity = data.recordings[list(data.subjects).index(subject)]["label"]
changes = np.flatnonzero(activity.to_numpy()[1:] != activity.to_numpy()[:-1]) + 1
bounds = [0, *seconds[changes], seconds[-1]]

similarity = cosine_similarity(embedder.transform(one.X))
ends = starts + 2.56
missing = np.flatnonzero(starts[1:] > ends[:-1] + 0.01) + 1  # the windows that follow a gap
edges = np.sort([*starts, *ends[missing - 1], ends[-1]])
for axis in (0, 1):
    similarity = np.insert(similarity, missing, np.nan, axis=axis)

fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
mesh = ax.pcolormesh(edges, edges, similarity, cmap="cividis")
fig.colorbar(mesh, label="cosine similarity of embeddings")
top = ax.secondary_xaxis("top")
top.set_xticks(
    [(a + b) / 2 for a, b in pairwise(bounds)],
    activity.iloc[[0, *changes]],
)
top.tick_params(length=0)
for bound in bounds[1:-1]:
    ax.axvline(bound, color="black", linewidth=1, linestyle="--")
    ax.axhline(bound, color="black", linewidth=1, linestyle="--")
ax.set(xlabel="time (s)", ylabel="time (s)", aspect="equal")
ax.invert_yaxis()
plt.show()

temporary.cleanup()

# %%
# The embedding of a recording follows the changes of activity closely, although it was trained
# without labels. Walking is distinguished from rest, and the two periods of lying, on different
# sides, from each other. But standing and sitting are almost the same: there is little movement in
# either, and the direction of gravity is similar.
#
# To represent movement only, subtract the mean of each segment from ``segments.X`` before you
# append it to the store, as the other examples do with arrays.
