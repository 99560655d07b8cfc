import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from relcon_sklearn._recordings import segment_recordings
from relcon_sklearn.datasets import fetch_wisdm
from relcon_sklearn.datasets._fetchers import _wisdm
from relcon_sklearn.datasets._fetchers._semicolon_records import read_semicolon_records
from tests.support.local_server import make_zip

KEY = "walking = A\njogging = B\nstairs = C\nsitting = D\nfolding = S\n\n"
G = 9.80665


def lines(subject, activity, times, xyz):
    """Return lines in the publisher's format."""
    return "".join(
        f"{subject},{activity},{t},{x:.7g},{y:.7g},{z:.7g};\n"
        for t, (x, y, z) in zip(times, xyz, strict=True)
    )


def clock(start, n, rate=20):
    """Return n times in ns, with some jitter."""
    rng = np.random.default_rng(n)
    return start + (np.arange(n) * 1e9 / rate).astype(int) + rng.integers(0, 100_000, n)


@pytest.fixture
def xyz():
    return np.random.default_rng(0).normal([0, 0, G], size=(400, 3))


@pytest.fixture
def members(xyz):
    """Return the members of the inner archive, in its layout."""
    first = clock(252_207_666_810_782, 100)
    watch = lines(1600, "A", first, xyz[:100])
    watch += lines(1600, "B", clock(first[-1] + 10**10, 50), xyz[100:150])
    return {
        "wisdm-dataset/README.txt": "",
        "wisdm-dataset/activity_key.txt": KEY,
        "wisdm-dataset/raw/watch/accel/.DS_Store": "",
        "wisdm-dataset/raw/watch/accel/data_1600_accel_watch.txt": watch,
        "wisdm-dataset/raw/watch/accel/data_1601_accel_watch.txt": lines(
            1601, "S", clock(0, 60, rate=50), xyz[:60]
        ),
        "wisdm-dataset/raw/watch/gyro/data_1600_gyro_watch.txt": lines(1600, "A", [1], xyz[:1]),
        "wisdm-dataset/raw/phone/accel/data_1600_accel_phone.txt": lines(
            1600, "C", clock(5, 30), xyz[:30]
        ),
        "wisdm-dataset/arff_files/watch/accel/data_1600_accel_watch.arff": "@relation",
        "__MACOSX/wisdm-dataset/raw/watch/accel/._data_1600_accel_watch.txt": "x",
    }


@pytest.fixture
def publish(server, monkeypatch):
    """Return a function that makes fetch_wisdm download members from the local server."""

    def publish(members):
        outer = {"WISDM-dataset-description.pdf": b"", "wisdm-dataset.zip": make_zip(members)}
        url = server.serve("wisdm.zip", make_zip(outer))
        monkeypatch.setattr(_wisdm, "SOURCE", _wisdm.SOURCE._replace(url=url))

    return publish


@pytest.fixture
def fetch(publish, members, tmp_path):
    """Return `fetch_wisdm` with the local server as the publisher's server."""
    publish(members)
    return lambda *args, **kwargs: fetch_wisdm(
        *args, data_home=tmp_path / "home", progressbar=False, **kwargs
    )


@pytest.fixture
def fetch_lines(fetch, publish):
    """Return a function that fetches one file of the watch with the given text."""

    def fetch_lines(text):
        publish({"activity_key.txt": KEY, "raw/watch/accel/data_1600_accel_watch.txt": text})
        return fetch()

    return fetch_lines


def test_recordings(fetch, xyz, server):
    data = fetch()
    assert [labels[0] for labels in data.labels] == ["walking", "jogging", "folding"]
    assert all(len(set(labels)) == 1 for labels in data.labels)
    assert data.subjects.tolist() == ["1600", "1600", "1601"]
    for recording, rows in zip(
        data.recordings, (slice(100), slice(100, 150), slice(60)), strict=True
    ):
        assert recording.dtype == np.float32
        assert_allclose(recording, xyz[rows] / G, rtol=1e-5, atol=1e-6)
    assert (data.units, data.placement) == ("g", "wrist")
    assert data.label_names == ["walking", "jogging", "stairs", "sitting", "folding"]
    assert (data.n_malformed_lines, data.n_repeated_lines) == (0, 0)
    assert "CC BY 4.0" in data.licence
    assert "Weiss" in data.citation
    server.stop()
    assert_array_equal(fetch("watch").recordings[0], data.recordings[0])


def test_timestamps_and_rates(fetch):
    data = fetch()
    assert_allclose(data.timestamps[0], clock(252_207_666_810_782, 100) / 1e9, rtol=0, atol=1e-9)
    assert_array_equal(data.sampling_rate, [20.0, 20.0, 50.0])
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        window=0.5,
        target_rate=20.0,
        labels=data.labels,
        subjects=data.subjects,
        timestamps=data.timestamps,
    )
    assert set(segments.y) == {"walking", "jogging", "folding"}


def test_phone(fetch, xyz):
    data = fetch("phone")
    assert data.placement == "pocket"
    assert data.labels[0][0] == "stairs"
    assert_allclose(data.recordings[0], xyz[:30] / G, rtol=1e-5, atol=1e-6)
    assert fetch("watch").placement == "wrist"
    with pytest.raises(ValueError, match="'device' parameter of fetch_wisdm"):
        fetch("tablet")


def test_inner_archive_alone(fetch, server, members, monkeypatch):
    url = server.serve("inner.zip", make_zip(members))
    monkeypatch.setattr(_wisdm, "SOURCE", _wisdm.SOURCE._replace(url=url))
    assert len(fetch().recordings) == 3


def test_activity_in_several_parts(fetch_lines, xyz):
    text = lines(1600, "A", clock(0, 20), xyz[:20]) + lines(1600, "D", clock(10**10, 5), xyz[:5])
    data = fetch_lines(text + lines(1600, "A", clock(2 * 10**10, 10), xyz[20:30]))
    assert [labels[0] for labels in data.labels] == ["walking", "sitting", "walking"]
    assert [len(x) for x in data.recordings] == [20, 5, 10]


def test_decreasing_time_ends_a_recording(fetch_lines, xyz):
    text = lines(1600, "A", clock(10**12, 20), xyz[:20]) + lines(1600, "A", clock(5, 10), xyz[:10])
    data = fetch_lines(text)
    assert [len(x) for x in data.recordings] == [20, 10]
    assert all((np.diff(stamps) > 0).all() for stamps in data.timestamps)
    assert data.n_repeated_lines == 0


def test_gaps_remain(fetch_lines, xyz):
    times = clock(0, 20)
    times[10:] += 10**12
    data = fetch_lines(lines(1600, "A", times, xyz[:20]))
    assert len(data.recordings) == 1
    assert np.diff(data.timestamps[0]).max() == pytest.approx(1000, abs=1)
    assert data.sampling_rate.tolist() == [20.0]


def test_repeated_times_are_left_out_once(fetch_lines, xyz):
    times = clock(0, 20)
    text = lines(1600, "A", times, xyz[:20])
    text += lines(1600, "A", times[5:15], xyz[5:15])  # a repeated block
    text += lines(1600, "A", times[-1:], xyz[30:31])  # other values at the same time
    text += lines(1600, "D", times, xyz[:20])  # another activity may have the same times
    data = fetch_lines(text)
    assert [len(x) for x in data.recordings] == [20, 20]
    assert data.n_repeated_lines == 11
    assert_allclose(data.recordings[0], xyz[:20] / G, rtol=1e-5, atol=1e-6)


def test_malformed_lines_are_counted(fetch_lines, xyz):
    good = lines(1600, "A", clock(0, 6), xyz[:6]).splitlines()
    broken = ["1600,A,77,1.0,2.0;", "1600,A,,1,2,3;", "1600,A,5,1,2,nan;", "junk", ""]
    data = fetch_lines("\n".join([*good[:3], *broken, *good[3:]]))
    assert data.n_malformed_lines == 4
    assert len(data.recordings) == 1
    assert_allclose(data.recordings[0], xyz[:6] / G, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "line", ["1600,A,5,1,2,nan;", "1600,A,5,inf,2,3;", "1600,A,5.5,1,2,3;", "1600,AB,5,1,2,3,4;"]
)
def test_one_malformed_line_among_good_ones(fetch_lines, xyz, line):
    data = fetch_lines(lines(1600, "A", clock(10, 6), xyz[:6]) + line + "\n")
    assert data.n_malformed_lines == 1
    assert len(data.recordings[0]) == 6
    assert np.isfinite(data.recordings[0]).all()


def test_two_records_on_a_line(fetch_lines, xyz):
    text = lines(1600, "A", clock(0, 6), xyz[:6])
    data = fetch_lines(text.replace("\n", "", 1))
    assert data.n_malformed_lines == 0
    assert len(data.recordings[0]) == 6


def test_record_with_a_semicolon_inside(fetch_lines, xyz):
    data = fetch_lines(lines(1600, "A", clock(10, 6), xyz[:6]) + "1600,A,1000000000000,1,2,3;4\n")
    assert data.n_malformed_lines == 1
    assert len(data.recordings[0]) == 7


@pytest.mark.parametrize("text", ["", "\n;\n", "junk;\n1600,A;\n"])
def test_file_without_a_record(fetch_lines, text):
    with pytest.raises(ValueError, match=r"data_1600_accel_watch\.txt has no valid records"):
        fetch_lines(text)


def test_activity_without_a_name(fetch_lines, xyz):
    with pytest.raises(
        ValueError, match=r"activities.*one of \['A', 'B', 'C', 'D', 'S'\].* Got \['N'\]"
    ):
        fetch_lines(lines(1600, "N", clock(0, 3), xyz[:3]))


def test_single_sample(fetch_lines, xyz):
    data = fetch_lines(lines(1600, "A", [5], xyz[:1]))
    assert data.recordings[0].shape == (1, 3)
    assert data.sampling_rate.tolist() == [20.0]


def test_published_lines():
    """Read lines that users and the documentation of the data set quote."""
    text = "1600,A,252207666810782,-0.36476135,8.793503,1.0550842;\n"
    text += "1600,A,90426708196641,7.091625,-0.5916671,8.195502;\n"
    rows, malformed = read_semicolon_records(text, _wisdm._RECORD, "lines")
    assert malformed == 0
    assert rows["subject"].tolist() == [1600, 1600]
    assert rows["activity"].tolist() == ["A", "A"]
    assert rows["time"].tolist() == [252207666810782, 90426708196641]
    assert_allclose(rows["y"], [8.793503, -0.5916671], rtol=1e-7)


def test_return_X_y_and_as_frame(fetch):
    X, y = fetch(return_X_y=True)
    assert [len(x) for x in X] == [len(labels) for labels in y] == [100, 50, 60]
    pytest.importorskip("pandas")
    frame = fetch(as_frame=True).recordings[0]
    assert frame.index[0].total_seconds() == pytest.approx(252_207.6668, abs=1e-3)
    assert set(frame["label"]) == {"walking"}
