"""
From the files of devices to a store
====================================

How do the files of wristbands become segments on which a model can be trained? Each file becomes a
store on disk, and the stores are opened as one. One of the files was cut while it was copied. It
does not stop the others, and the result says what is wrong with it.
"""

# %%
# The files are generated here, in the layout of Empatica E4: the start in seconds since 1970, the
# rate in Hz, and counts of 1/64 g. Each person has a separate folder, as in the exports of this
# device. For your own files, only the pattern in the next block changes: ``.cwa`` of Axivity,
# ``.gt3x`` of ActiGraph and ``.bin`` of GENEActiv are read in the same way.

import tempfile
from pathlib import Path

import numpy as np

from relcon_sklearn.datasets import make_recordings

temporary = tempfile.TemporaryDirectory()
work = Path(temporary.name)
data = make_recordings(6, duration=300, sampling_rate=32, random_state=0)
start = 1_709_676_000  # 2024-03-05 22:00:00
for person, recording in zip(data.subjects, data.recordings, strict=True):
    (work / person).mkdir()
    counts = np.rint(recording * 64).astype(int)
    rows = [[start] * 3, [32] * 3, *counts.tolist()]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (work / person / "ACC.csv").write_text(text)

cut = work / data.subjects[3] / "ACC.csv"
n_left = cut.write_text(cut.read_text()[:40_000].rpartition(",")[0])

# %%
# One file
# --------
# :func:`~relcon_sklearn.recordings.read_recording` infers the format from the content, and returns
# a frame in g with the times of the samples. It knows its rate and its unit, so that
# :func:`~relcon_sklearn.segment_recordings` needs neither.

from relcon_sklearn import segment_recordings
from relcon_sklearn.recordings import read_recording

paths = sorted(work.glob("*/ACC.csv"))
recording = read_recording(paths[0])
print(recording.head(3))
print({name: recording.attrs[name] for name in ("units", "sampling_rate", "device", "clock")})
print(segment_recordings(recording, window=5, target_rate=50).X.shape)

# %%
# All files
# ---------
# :func:`~relcon_sklearn.recordings.convert_recordings` does this for each file, and writes a store
# for each. All files have the same name here, so the names of the folders name the stores and the
# people. With ``n_jobs=4``, four files would be converted at the same time. A second call would
# only convert what is missing.

import warnings

from relcon_sklearn.recordings import convert_recordings

files = {path.parent.name: path for path in paths}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about the file that was cut, see below
    done = convert_recordings(files, work / "stores", window=5, target_rate=50)
done[["subject", "status", "n_segments", "hours", "start"]]

# %%
# The reason is in the table:

print(done["reason"][done["status"] == "failed"].item().replace(str(work), "..."))

# %%
# The stores as one
# -----------------
# :func:`~relcon_sklearn.open_segments` takes the list of stores. The result is like one store: its
# segments stay on disk, and ``fit(store.X, groups=store.hour_groups)`` trains on them. Here are
# segments of two people, from rest to vigorous motion.

import matplotlib.pyplot as plt

from relcon_sklearn import open_segments

store = open_segments(done["store"].dropna())
print(store)

fig, axes = plt.subplots(2, 3, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
seconds = np.arange(store.X.shape[1]) / store.sampling_rate
for person, row in zip(store.subjects, axes, strict=False):
    X = store.select([person]).X[:]
    order = np.argsort(X.std(axis=1).sum(axis=1))
    for ax, i in zip(row, order[[0, len(order) // 2, -1]], strict=True):
        for values, axis, colour in zip(
            X[i].T, "xyz", ["#0072B2", "#D55E00", "#009E73"], strict=True
        ):
            ax.plot(seconds, values, color=colour, linewidth=0.9, label=axis)
        ax.spines[["top", "right"]].set_visible(False)
    row[0].set_ylabel(f"{person}\nacceleration (g)")
for ax, title in zip(axes[0], ["least motion", "median", "most motion"], strict=True):
    ax.set_title(title)
for ax in axes[1]:
    ax.set_xlabel("time (s)")
fig.legend(*ax.get_legend_handles_labels(), loc="outside right center", frameon=False)
plt.show()

temporary.cleanup()

# %%
# Two calls lead from the files of a device to segments on disk, and the format of each file is
# inferred from its content. A damaged file costs its own recording only, and the table says why.
