"""From files of recordings with gaps to embeddings: a small version of the example."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from relcon_sklearn import SegmentWriter, open_segments, segment_recordings
from relcon_sklearn.datasets import make_recordings
from tests.support.estimators import tiny_embedder

pd = pytest.importorskip("pandas")


def test_csv_files_with_gaps_to_embeddings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    data = make_recordings(4, duration=60, dropout=0.1, as_frame=True, random_state=0)
    for name, frame in zip(data.subjects, data.recordings, strict=True):
        frame.drop(columns="label").to_csv(folder / f"{name}.csv", index_label="time")

    shape = {"n_timesteps": 64, "n_channels": 3, "sampling_rate": 50}
    with SegmentWriter(tmp_path / "store", **shape, dtype="int16") as writer:
        for path in sorted(folder.glob("*.csv")):
            frame = pd.read_csv(path, index_col="time", parse_dates=True)
            segments = segment_recordings(frame, 50, units="g", window=1.28)
            writer.append(segments.X, path.stem, times=segments.start_times)
    store = open_segments(tmp_path / "store")

    assert_array_equal(store.subjects, data.subjects)
    assert 0.5 * 4 * 60 / 1.28 < len(store) < 0.9 * 4 * 60 / 1.28
    # Each segment has the samples recorded from its start time on, without a gap.
    for row in (0, len(store) // 2, len(store) - 1):
        frame = data.recordings[list(data.subjects).index(store.groups[row])]
        first = frame.index.get_loc(pd.Timestamp(store.times[row]))
        part = frame.iloc[first : first + 64]
        assert part.index[-1] - part.index[0] == pd.Timedelta(63 / 50, "s")
        np.testing.assert_allclose(store.X[row], part[["x", "y", "z"]], atol=2**-12)
    embeddings = tiny_embedder().fit(store.X, groups=store.groups).transform(store.X)
    assert embeddings.shape[0] == len(store)
