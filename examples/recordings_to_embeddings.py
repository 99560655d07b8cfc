"""
From raw recordings to embeddings
=================================

A folder of CSV files, one for each person, with holes where the radio lost packets, becomes a
store of segments on disk; an encoder is pretrained from the store and embeds it. Nothing is ever
held in memory but one recording and one batch.
"""

import tempfile
from pathlib import Path

from relcon_sklearn.datasets import make_recordings

# %%
# Generated here, and written as a device might export them: a time stamp and three axes at 50 Hz.

work = Path(tempfile.mkdtemp())
folder = work / "recordings"
folder.mkdir()
data = make_recordings(30, duration=180, dropout=0.02, as_frame=True, random_state=0)
for name, frame in zip(data.subjects, data.recordings, strict=True):
    frame.drop(columns="label").to_csv(folder / f"{name}.csv", index_label="time")

# %%
# What follows is all that a user writes.

import resource

import pandas as pd

from relcon_sklearn import (
    LearnedMotifDistance,
    RelConEmbedder,
    SegmentWriter,
    open_segments,
    segment_recordings,
)

with SegmentWriter(work / "store", n_timesteps=128, n_channels=3, sampling_rate=50) as writer:
    for path in sorted(folder.glob("*.csv")):
        if path.stem in writer.subjects:  # from a run that was cut short
            continue
        frame = pd.read_csv(path, index_col="time", parse_dates=True)
        segments = segment_recordings(frame, 50, units="g", window=2.56)
        writer.append(segments.X, path.stem, times=segments.start_times)
        cut = sum(v for k, v in segments.dropped.items() if k.startswith("seconds"))
        print(f"{path.name}: {len(segments.X)} segments; {cut:.0f} s left out next to holes")

store = open_segments(work / "store")
print(store)

embedder = RelConEmbedder(
    LearnedMotifDistance(embed_dim=16, max_epochs=1),
    encoder="resnet14-half",
    n_within=4,
    batch_size=16,
    max_epochs=2,
    random_state=0,
    verbose=1,
)
embeddings = embedder.fit(store.X, groups=store.hour_groups).transform(store.X)
print(f"embeddings: {embeddings.shape}")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB on Linux
print(f"peak memory: {peak / 2**20:.2f} GB")
