"""fetch_hhar: the published layout, the clocks of the watches, the cache, and damaged files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn import segment_recordings
from relcon_sklearn.datasets import fetch_hhar
from relcon_sklearn.datasets._fetchers import _hhar
from relcon_sklearn.datasets._fetchers._hhar import _order_and_date
from tests.support.local_server import make_zip

HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"
START = 1_424_696_638_740  # ms since 1970
GRAVITY = 9.80665


def lines(user, device, label, n=4, arrival=START, creation=27_920_678_471_000, x=0.0):
    """Return lines as published, 10 ms apart on both clocks, with 1 g on the third axis."""
    model = device.split("_")[0]
    return [
        f"{i},{arrival + 10 * i},{creation + 10_000_000 * i},{x + i},0.0,{GRAVITY},"
        f"{user},{model},{device},{label}"
        for i in range(n)
    ]


def archive(*blocks, header=HEADER, member="Activity recognition exp/Watch_accelerometer.csv"):
    text = "\n".join([header, *(line for block in blocks for line in block)]) + "\n"
    inner = {"Activity recognition exp/Phones_accelerometer.csv": "not read", member: text}
    return make_zip({"Activity recognition exp.zip": make_zip(inner), "Still exp.zip": b""})


@pytest.fixture
def serve(server, monkeypatch):
    """Return a function that makes fetch_hhar download an archive from the local server."""

    def serve(body):
        source = _hhar.SOURCE._replace(url=server.serve("hhar.zip", body))
        monkeypatch.setattr(_hhar, "SOURCE", source)

    return serve


def fetch(folder, **options):
    return fetch_hhar(data_home=folder, n_retries=0, progressbar=False, **options)


def test_published_layout(serve, server, tmp_path):
    serve(
        archive(
            lines("b", "lgwatch_1", "null"),
            lines("a", "gear_1", "stand"),
            lines("a", "gear_1", "stairsdown", arrival=START + 40, creation=27_920_718_471_000),
            lines("a", "gear_2", "bike", x=GRAVITY),
        )
    )
    data = fetch(tmp_path)
    assert data.subjects.tolist() == ["a", "a", "b"]
    assert data.recording_device.tolist() == ["gear_1", "gear_2", "lgwatch_1"]
    assert [len(recording) for recording in data.recordings] == [8, 4, 4]
    assert all(recording.dtype == np.float32 for recording in data.recordings)
    steps = np.arange(4) / GRAVITY
    assert_allclose(
        data.recordings[1], np.stack([1 + steps, 0 * steps, steps**0], axis=1), rtol=1e-6
    )
    assert data.labels[0].tolist() == ["stand"] * 4 + ["stairsdown"] * 4
    assert data.labels[2].tolist() == [""] * 4
    # The nominal rate of the LG watch is 200 Hz, but its timestamps have 100 Hz.
    assert data.sampling_rate.tolist() == [100.0, 100.0, 100.0]
    assert (data.units, data.placement, data.channel_names) == ("g", "wrist", ["x", "y", "z"])
    assert data.label_names == ["bike", "sit", "stairsdown", "stairsup", "stand", "walk"]
    assert data.recording_n_repeated.tolist() == [0, 0, 0]
    assert data.timestamps[0].dtype == np.dtype("datetime64[ns]")
    assert data.timestamps[0][0] == np.datetime64("2015-02-23T13:03:58.740")
    assert_array_equal(np.diff(data.timestamps[0]), np.timedelta64(10, "ms"))
    assert "SenSys" in data.citation
    assert "CC BY 4.0" in data.licence
    assert data.licence in " ".join(data.DESCR.split())


def test_second_call_reads_only_the_cache(serve, server, tmp_path):
    serve(archive(lines("a", "gear_1", "stand"), lines("c", "lgwatch_2", "null")))
    first = fetch(tmp_path)
    server.stop()
    (tmp_path / "hhar" / "hhar.zip").unlink()
    again = fetch(tmp_path, download_if_missing=False)
    assert set(again) == set(first)
    for name in ("recordings", "labels", "timestamps"):
        for ours, theirs in zip(again[name], first[name], strict=True):
            assert_array_equal(ours, theirs)
    assert_array_equal(again.sampling_rate, first.sampling_rate)
    assert_array_equal(again.recording_device, first.recording_device)


def test_return_X_y_and_as_frame(serve, tmp_path):
    pandas = pytest.importorskip("pandas")
    serve(archive(lines("a", "gear_1", "sit")))
    recordings, labels = fetch(tmp_path, return_X_y=True)
    assert recordings[0].shape == (4, 3)
    assert labels[0].tolist() == ["sit"] * 4
    frame = fetch(tmp_path, as_frame=True).recordings[0]
    assert isinstance(frame.index, pandas.DatetimeIndex)
    assert frame.columns.tolist() == ["x", "y", "z", "label"]
    assert_array_equal(frame[["x", "y", "z"]].to_numpy(), recordings[0])


def test_result_does_not_depend_on_the_chunk_size(serve, monkeypatch, tmp_path):
    blocks = [lines("a", "gear_1", "sit", n=7), lines("b", "gear_1", "walk", n=5)]
    serve(archive(*blocks, blocks[0][:3]))
    whole = fetch(tmp_path / "whole")
    monkeypatch.setattr(_hhar, "_CHUNK", 4)
    pieces = fetch(tmp_path / "pieces")
    assert [len(recording) for recording in pieces.recordings] == [7, 5]
    for ours, theirs in zip(pieces.recordings, whole.recordings, strict=True):
        assert_array_equal(ours, theirs)
    assert pieces.recording_n_repeated.tolist() == [3, 0]


def test_segments(serve, tmp_path):
    serve(
        archive(
            lines("a", "gear_1", "sit", n=250),
            lines(
                "a", "gear_1", "walk", n=250, arrival=START + 10_000, creation=27_923_178_471_000
            ),
        )
    )
    data = fetch(tmp_path)
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        window=1.0,
        labels=data.labels,
        subjects=data.subjects,
        timestamps=data.timestamps,
        gravity=False,
    )
    assert segments.y.tolist() == ["sit"] * 2 + ["walk"] * 2  # no segment across the sleep
    assert segments.groups.tolist() == ["a"] * 4


def watch(rng, sleeps, burst, n=6000, period=10_000_000):
    """Simulate a watch; return the true times and both timestamps of its samples, as they arrive.

    `sleeps` are pairs (sample before which the watch sleeps, ns). Samples are delivered in groups
    of `burst`, when the last of the group is taken. In every fifth group, samples are delivered
    immediately.
    """
    awake = np.arange(n) * period
    slept = np.zeros(n, dtype=np.int64)
    for sample, duration in sleeps:
        slept[sample:] += duration
    true = START * 1_000_000 + awake + slept
    last = np.minimum((np.arange(n) // burst + 1) * burst, n) - 1
    prompt = np.arange(n) // burst % 5 == 0
    arrival = np.where(prompt, true, true[last]) // 1_000_000 + 1
    shuffled = rng.permutation(n)
    order = shuffled[np.argsort(arrival[shuffled], kind="stable")]
    return true, arrival[order], (55_000_000_000_000 + awake)[order], order


@pytest.mark.parametrize("burst", [1, 20, 90, 300])
@pytest.mark.parametrize(
    "sleeps", [[], [(1500, 3_500_000_000)], [(1200, 2_000_000_000), (4800, 400_000_000_000)]]
)
def test_order_and_date(burst, sleeps):
    sleeps = [(sample // burst * burst, duration) for sample, duration in sleeps]
    true, arrival, creation, samples = watch(np.random.default_rng(0), sleeps, burst)
    order, times = _order_and_date(arrival, creation)
    assert_array_equal(samples[order], np.arange(len(true)))
    error = times.astype(np.int64) - true
    assert np.abs(error).max() <= 2_000_000  # ns: arrivals are in ms
    gaps = np.flatnonzero(np.diff(times) > np.timedelta64(500, "ms")) + 1
    assert gaps.tolist() == [sample for sample, _ in sleeps]


def test_short_sleeps_are_not_detected():
    _, arrival, creation, _ = watch(np.random.default_rng(0), [(3000, 900_000_000)], 1)
    _, times = _order_and_date(arrival, creation)
    assert_array_equal(np.diff(times), np.timedelta64(10, "ms"))


def test_watch_that_was_restarted():
    arrival = np.r_[START + 10 * np.arange(300), START + 60_000 + 10 * np.arange(300)]
    creation = np.r_[9_000_000_000_000 + 10_000_000 * np.arange(300), 10_000_000 * np.arange(300)]
    order, times = _order_and_date(arrival, creation)
    assert_array_equal(order, np.arange(600))
    assert_array_equal(times.astype(np.int64), arrival * 1_000_000)


def test_runs_never_overlap():
    # All samples of one run are late. Dated by arrival, it would end after the next run starts.
    delay = np.r_[np.full(100, 0), np.full(50, 9_000), np.full(3000, 4_000)]
    creation = 10_000_000 * np.arange(3150)
    _, times = _order_and_date(START + creation // 1_000_000 + delay, creation)
    assert (np.diff(times) > np.timedelta64(0)).all()


def test_a_sample_delivered_twice_counts_once():
    arrival = START + np.array([0, 10, 10, 20])
    creation = np.array([0, 10, 10, 20]) * 1_000_000
    order, times = _order_and_date(arrival, creation)
    assert order.tolist() == [0, 1, 3]
    assert (np.diff(times) > np.timedelta64(0)).all()


def test_missing_member(serve, tmp_path):
    serve(archive(lines("a", "gear_1", "sit"), member="Activity recognition exp/Watch_gyro.csv"))
    with pytest.raises(OSError, match=r"no member 'Watch_accelerometer\.csv'"):
        fetch(tmp_path)
    assert not list(tmp_path.glob("hhar/*.npz"))


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("4,1424696638780,27920718471000,oops,0.0,9.8,a,gear,gear_1,sit", "malformed line after"),
        ("4,1424696638780,279207184", "malformed line after line 1"),
        ("4,1424696638780,27920718471000,0,0,9.8,a,gear,gear_1,dance", "'dance'"),
        ("4,1424696638780,27920718471000,0,0,9.8,a,gear,gear_3,sit", "'gear_3'"),
    ],
)
def test_malformed(serve, tmp_path, line, match):
    serve(archive(lines("a", "gear_1", "sit"), [line]))
    with pytest.raises(ValueError, match=match) as caught:
        fetch(tmp_path)
    assert "Watch_accelerometer.csv" in str(caught.value)
    assert not list(tmp_path.glob("hhar/*.npz"))


def test_other_columns(serve, tmp_path):
    serve(archive(lines("a", "gear_1", "sit"), header="Index,Arrival_Time,x,y,z"))
    with pytest.raises(ValueError, match=r"unexpected header.* Got 'Index,Arrival_Time,x,y,z'"):
        fetch(tmp_path)
