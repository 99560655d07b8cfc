import errno
import importlib.resources
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import Bunch

from relcon_sklearn._recordings import segment_recordings
from relcon_sklearn.datasets._fetchers import _fetch
from relcon_sklearn.datasets._fetchers._fetch import (
    Source,
    fetch_recordings,
    read_description,
    to_frames,
)
from relcon_sklearn.exceptions import DamagedFileError
from tests.support.local_server import Answer, make_zip
from tests.support.read_only_folder import make_read_only

DESCR = """.. _toy_dataset:

Toy
===

:Publisher: A publisher
:Licence: CC0, by the authors'
    own words
:Citation: Doe. On Toys (2020).

What
    Licence: not this one.
"""


@pytest.fixture(autouse=True)
def description(monkeypatch, tmp_path):
    """Provide a description of the data set "toy"."""
    (tmp_path / "descr").mkdir()
    (tmp_path / "descr" / "toy.rst").write_text(DESCR)
    files = importlib.resources.files
    monkeypatch.setattr(
        _fetch.importlib.resources,
        "files",
        lambda package: tmp_path if package == _fetch.__package__ else files(package),
    )


@pytest.fixture
def source(server):
    return Source("toy", server.serve("toy.zip", make_zip({"a.txt": "1 2 3 4"})), "toy.zip")


def parse(archive):
    """Return two recordings made from the numbers in the archive."""
    numbers = np.array(archive.read_text("a.txt").split(), dtype=np.float32)
    return Bunch(
        recordings=[
            np.outer(numbers, [0.1, 0.2, 0.3]).astype(np.float32),
            np.ones((2, 3), np.float32),
        ],
        labels=[np.array(["walk", "", "sit", "sit"]), np.full(2, "sit")],
        subjects=np.array(["s1", "s2"]),
        recording_age=np.array([30.5, 40.5]),
        n_dropped=3,
        timestamps=None,
        sampling_rate=50.0,
        units="g",
        placement="wrist",
        channel_names=["x", "y", "z"],
        label_names=["walk", "sit"],
    )


@pytest.fixture
def fetch(source, tmp_path):
    """Return a function that calls `fetch_recordings` with the parameters of a fetcher."""

    def fetch(sources=source, parse=parse, version=1, **kwargs):
        settings = {
            "data_home": tmp_path / "home",
            "download_if_missing": True,
            "return_X_y": False,
            "as_frame": False,
            "n_retries": 0,
            "delay": 0.0,
            "progressbar": False,
        }
        return fetch_recordings(sources, parse, version=version, **(settings | kwargs))

    return fetch


def fail(*files):
    raise AssertionError("parsed again")


def test_bunch(fetch):
    data = fetch()
    expected = parse_of("1 2 3 4")
    for field in ("recordings", "labels"):
        for found, wanted in zip(data[field], expected[field], strict=True):
            assert_array_equal(found, wanted)
            assert found.dtype.kind == wanted.dtype.kind
    assert data.recordings[0].dtype == np.float32
    assert_array_equal(data.subjects, ["s1", "s2"])
    assert_array_equal(data.recording_age, [30.5, 40.5])
    assert data.n_dropped == 3
    assert isinstance(data.n_dropped, int)
    assert data.timestamps is None
    assert data.sampling_rate == 50.0
    assert (data.units, data.placement) == ("g", "wrist")
    assert data.channel_names == ["x", "y", "z"]
    assert set(data.label_names) == {"walk", "sit"}
    assert data.DESCR == DESCR
    assert data.licence == "CC0, by the authors' own words"
    assert data.citation == "Doe. On Toys (2020)."


def parse_of(text):
    return parse(Bunch(read_text=lambda name: text))


def test_second_call_reads_only_the_cache(fetch, server, tmp_path):
    first = fetch()
    assert (tmp_path / "home" / "toy" / "toy.zip").exists()  # kept
    server.stop()
    (tmp_path / "home" / "toy" / "toy.zip").unlink()
    second = fetch(parse=fail, download_if_missing=False)
    assert_array_equal(first.recordings[0], second.recordings[0])
    assert first.keys() == second.keys()


def test_download_if_missing_false(fetch, server, tmp_path):
    with pytest.raises(OSError, match="`download_if_missing` is False"):
        fetch(download_if_missing=False)
    assert not server.requests
    fetch()
    for cache in (tmp_path / "home" / "toy").glob("*.npz"):
        cache.unlink()
    assert fetch(download_if_missing=False).n_dropped == 3  # parsed from the archive


def test_versions_and_variants_have_separate_caches(fetch, server, tmp_path):
    def parse_as(n_dropped):
        return lambda archive: parse(archive) | {"n_dropped": n_dropped}

    def parsed(n_dropped, **kwargs):
        return fetch(parse=lambda a: Bunch(**parse_as(n_dropped)(a)), **kwargs).n_dropped

    assert parsed(1) == 1
    assert parsed(2, version=2) == 2
    assert parsed(3, variant="watch") == 3
    assert fetch(parse=fail).n_dropped == 1
    assert fetch(parse=fail, version=2).n_dropped == 2
    assert fetch(parse=fail, variant="watch").n_dropped == 3
    assert len(server.requests) == 1
    names = {path.name for path in (tmp_path / "home" / "toy").glob("*.npz")}
    assert names == {"toy-v1.npz", "toy-v2.npz", "toy-watch-v1.npz"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_an_archive_in_a_read_only_folder(fetch, tmp_path, monkeypatch, caplog, number):
    folder = tmp_path / "home" / "toy"
    folder.mkdir(parents=True)
    inner = make_zip({"a.txt": "1 2 3 4"})
    (folder / "toy.zip").write_bytes(make_zip({"inner.zip": inner}))

    def parse_inner(archive):
        with archive.unwrapped("inner.zip") as opened:
            return Bunch(**(parse(opened) | {"sampling_rate": np.array([20.0, 50.0])}))

    make_read_only(folder, number, monkeypatch)
    for _ in range(2):
        data = fetch(parse=parse_inner)
        assert_array_equal(data.recordings[0], parse_of("1 2 3 4").recordings[0])
        assert_array_equal(data.sampling_rate, [20.0, 50.0])
    assert [path.name for path in folder.iterdir()] == ["toy.zip"]
    assert f"{folder} cannot be written" in caplog.text


def test_other_errors_of_writing_are_not_hidden(fetch, tmp_path, monkeypatch):
    fetch()
    (tmp_path / "home" / "toy" / "toy-v1.npz").unlink()
    make_read_only(tmp_path / "home" / "toy", errno.ENOSPC, monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        fetch()


def test_failing_parser_leaves_no_cache(fetch, tmp_path):
    with pytest.raises(AssertionError, match="parsed again"):
        fetch(parse=fail)
    assert not list((tmp_path / "home").rglob("*.npz"))
    assert fetch().n_dropped == 3


def test_damaged_cache(fetch, tmp_path):
    fetch()
    cache = tmp_path / "home" / "toy" / "toy-v1.npz"
    cache.write_bytes(cache.read_bytes()[:-100])
    with pytest.raises(OSError, match=r"toy-v1\.npz cannot be read .* Delete the file"):
        fetch()


def test_corrupt_archive(fetch, source, server):
    whole = make_zip({"a.txt": "1 2 3 4" * 1000})
    server.serve("toy.zip", Answer(whole.replace(whole[40:50], bytes(10))))
    with pytest.raises(OSError, match=r"is damaged .* Delete .*toy\.zip and call again"):
        fetch()


@pytest.mark.parametrize(
    "error",
    [IndexError("row"), KeyError("column"), TypeError("kind"), ValueError("number")],
    ids=lambda error: type(error).__name__,
)
def test_a_parser_that_meets_unexpected_content(fetch, error):
    def fail_with(archive):
        raise error

    kind = type(error).__name__
    with pytest.raises(DamagedFileError, match=rf"toy\.zip has unexpected content \({kind}: "):
        fetch(parse=fail_with)


def test_several_sources(fetch, source, server, tmp_path):
    extra = Source("toy", server.serve("people.csv", b"name,age\n"), "people.csv")

    def parse_both(archive, people):
        assert people == tmp_path / "home" / "toy" / "people.csv"
        assert people.read_bytes() == b"name,age\n"
        return parse(archive)

    assert fetch([source, extra], parse_both).n_dropped == 3


def test_one_rate_for_each_recording(fetch):
    def parse_rates(archive):
        return Bunch(**(parse(archive) | {"sampling_rate": np.array([20.0, 50.0])}))

    data = fetch(parse=parse_rates)
    assert_array_equal(data.sampling_rate, [20.0, 50.0])
    assert "recording_sampling_rate" not in data
    frames = to_frames(data)
    assert [frame.index[1].total_seconds() for frame in frames] == [0.05, 0.02]


def test_return_X_y(fetch):
    X, y = fetch(return_X_y=True)
    assert [len(x) for x in X] == [len(labels) for labels in y] == [4, 2]
    assert y[0].tolist() == ["walk", "", "sit", "sit"]


def test_as_frame(fetch):
    pd = pytest.importorskip("pandas")
    data = fetch(as_frame=True)
    frame = data.recordings[0]
    assert list(frame.columns) == ["x", "y", "z", "label"]
    assert isinstance(frame.index, pd.TimedeltaIndex)
    assert_allclose(frame.index.total_seconds(), [0, 0.02, 0.04, 0.06])
    assert (frame.dtypes[:3] == np.float32).all()
    assert frame["label"].tolist() == ["walk", "", "sit", "sit"]
    assert_array_equal(frame[["x", "y", "z"]], data_of(fetch)[0])
    X, y = fetch(as_frame=True, return_X_y=True)
    assert list(X[0].columns) == ["x", "y", "z"]
    assert y[0].tolist() == ["walk", "", "sit", "sit"]
    assert y[0].index.equals(X[0].index)


def data_of(fetch):
    return fetch().recordings


@pytest.mark.parametrize("kind", ["dates", "seconds"])
def test_as_frame_with_timestamps(fetch, kind):
    pd = pytest.importorskip("pandas")
    seconds = [np.array([0.5, 0.52, 0.55, 0.56]), np.array([1.0, 1.5])]
    dates = [
        np.datetime64("2020-01-01", "ns") + (s * 1e9).astype("timedelta64[ns]") for s in seconds
    ]
    stamps = {"dates": dates, "seconds": seconds}[kind]

    def parse_stamps(archive):
        return Bunch(**(parse(archive) | {"timestamps": stamps}))

    assert_array_equal(fetch(parse=parse_stamps).timestamps[1], stamps[1])
    index = fetch(parse=parse_stamps, as_frame=True).recordings[0].index
    if kind == "dates":
        assert isinstance(index, pd.DatetimeIndex)
        assert_array_equal(index.to_numpy().astype("datetime64[ns]"), dates[0])
    else:
        assert_allclose(index.total_seconds(), seconds[0])


def test_as_frame_without_pandas(fetch, monkeypatch, server):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="as_frame=True requires pandas"):
        fetch(as_frame=True)
    assert not server.requests


def test_fetched_recordings_can_be_segmented(fetch):
    data = fetch()
    segments = segment_recordings(
        data.recordings,
        data.sampling_rate,
        units=data.units,
        window=0.04,
        subjects=data.subjects,
    )
    assert segments.X.shape == (3, 2, 3)
    assert segments.groups.tolist() == ["s1", "s1", "s2"]


def test_default_data_home(fetch, monkeypatch, tmp_path):
    monkeypatch.setenv("RELCON_DATA_HOME", str(tmp_path / "named"))
    fetch(data_home=None)
    assert (tmp_path / "named" / "toy" / "toy.zip").exists()


@pytest.mark.parametrize(
    "path",
    sorted((Path(_fetch.__file__).parent / "descr").glob("*.rst")),
    ids=lambda path: path.stem,
)
def test_descriptions_give_licence_and_citation(monkeypatch, path):
    monkeypatch.undo()
    fields = read_description(path.stem)
    assert fields["DESCR"] == path.read_text(encoding="utf-8")
    assert 2 < len(fields["licence"]) < 400
    assert 20 < len(fields["citation"]) < 600
    assert ":Publisher:" not in fields["licence"]
