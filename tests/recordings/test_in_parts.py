"""Files of devices in little memory, against the DataFrames of read_recording."""

import gzip
import zipfile

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("actfast")

from relcon_sklearn._recordings._compact import (  # noqa: E402
    BlockTimes,
    CompactRecording,
    SignalInParts,
)
from relcon_sklearn.exceptions import DamagedFileError  # noqa: E402
from relcon_sklearn.recordings import (  # noqa: E402
    _empatica,
    _geneactiv,
    _gt3x_log,
    _wav,
    read_recording,
)
from relcon_sklearn.recordings._read_recording import read_in_little_memory  # noqa: E402
from tests.support.device_files import motion, write_geneactiv, write_gt3x, write_wav  # noqa: E402

G = motion(2400)
SECONDS = 1_709_676_000 + np.arange(24)  # 2024-03-05 22:00:00


@pytest.fixture(autouse=True)
def in_small_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_gt3x_log, "_BYTES_AT_ONCE", 3000)
    monkeypatch.setattr(_geneactiv, "_BYTES_AT_ONCE", 9000)
    monkeypatch.setattr(_empatica, "_AT_ONCE", 500)
    monkeypatch.setattr(_wav, "_AT_ONCE", 500)


def write_empatica(path, rate=32.0, end="\n"):
    lines = [", ".join([str(value)] * 3) for value in (1709676000.5, rate)]
    path.write_bytes(end.join([*lines, *["0,-64,32", "1,2,-3"] * 1200, ""]).encode())


WRITERS = {
    "activity.gt3x": lambda path: write_gt3x(path, G, SECONDS, record_type=0),
    "activity2.gt3x": lambda path: write_gt3x(path, G, SECONDS),
    "gaps.gt3x": lambda path: write_gt3x(path, G, SECONDS + np.arange(24) // 5 * 60),
    "no_zone.gt3x": lambda path: write_gt3x(path, G, SECONDS, TimeZone=""),
    "scale.gt3x": lambda path: write_gt3x(path, G, SECONDS, **{"Acceleration Scale": "341,0"}),
    "thirds.gt3x": lambda path: write_gt3x(path, G[:696], SECONDS, **{"Sample Rate": "30"}),
    "header_cut.gt3x": lambda path: write_gt3x(path, G, SECONDS, tail=b"\x1e\x1a\x00"),
    "a.bin": lambda path: write_geneactiv(path, G),
    "a.wav": lambda path: write_wav(path, G),
    "clipped.wav": lambda path: write_wav(path, np.where(G > 1.3, -8, G)),
    "gaps.wav": lambda path: write_wav(path, G, unavailable=[1, *range(490, 1700)]),
    "ACC.csv": write_empatica,
    "rate.csv": lambda path: write_empatica(path, rate=31.25),
    "empty_lines.csv": lambda path: write_empatica(path, end="\r\r\n"),
}


def read_both(path, **kwargs):
    return read_in_little_memory(path, **kwargs), read_recording(path, **kwargs)


def assert_same(compact, frame):
    assert isinstance(compact, CompactRecording)
    assert compact.attrs == frame.attrs
    assert compact.has_zone == (frame.index.tz is not None)
    np.testing.assert_array_equal(compact.signal[:], frame[["x", "y", "z"]])
    np.testing.assert_array_equal(compact.stamps[:], frame.index.to_numpy("M8[ns]"))


@pytest.mark.parametrize("name", WRITERS)
def test_values_and_times_are_equal(name, tmp_path):
    WRITERS[name](tmp_path / name)
    assert_same(*read_both(name))
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert_same(*read_both(f"{name}.gz"))


@pytest.mark.parametrize("n_bytes", [1, 2000])
def test_the_last_read_of_geneactiv_is_within_a_page(n_bytes, tmp_path, monkeypatch):
    write_geneactiv(tmp_path / "a.bin", G)
    before = (tmp_path / "a.bin").stat().st_size - n_bytes
    monkeypatch.setattr(_geneactiv, "_BYTES_AT_ONCE", before // 2)
    assert_same(*read_both("a.bin"))


def test_calibration_of_geneactiv(tmp_path):
    write_geneactiv(tmp_path / "a.bin", G)
    content = (tmp_path / "a.bin").read_bytes()
    for old, new in ((b"x gain:25600", b"x gain:25344"), (b"y offset:0", b"y offset:-1450")):
        content = content.replace(old, new)
    (tmp_path / "a.bin").write_bytes(content)
    compact, frame = read_both("a.bin")
    assert frame["y"].iloc[0] == pytest.approx(G[0, 1] + 1450 / 25600)
    assert_same(compact, frame)


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


def encrypted(archive):
    """Return a zip archive that says of its files that they are encrypted."""
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        first, *files = archive.split(header)
        flags -= len(header)
        archive = header.join([first, *(f[:flags] + b"\1" + f[flags + 1 :] for f in files)])
    return archive


def write_geneactiv_and_zeros(path):
    write_geneactiv(path, G)
    damage(path, lambda content: content + bytes(30_000))


DAMAGED = {
    "checksum.gt3x": lambda path: write_gt3x(path, G, SECONDS, damaged=[3]),
    "separator.gt3x": lambda path: write_gt3x(path, G, SECONDS, tail=bytes(9000)),
    "pages.bin": lambda path: write_geneactiv(path, G, pages=20),
    "zeros.bin": write_geneactiv_and_zeros,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_reported_as_of_a_frame(name, tmp_path):
    DAMAGED[name](tmp_path / name)
    messages = []
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError) as error:
            read(name)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    with pytest.warns(UserWarning, match="left out|was cut") as caught:
        frames = [read(name, errors="skip") for read in (read_recording, read_in_little_memory)]
    texts = [str(each.message) for each in caught]
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a.bin", lambda content: content[:-100]),
        ("a.bin", lambda content: content.replace(b"Frequency:100 Hz", b"Frequency:")),
        ("a.bin", lambda content: content[: content.index(b"Recorded Data")]),
        ("activity2.gt3x", lambda content: content[:-30]),
        ("activity2.gt3x", lambda content: encrypted(content)),
        ("a.wav", lambda content: content[:-30]),
        ("a.wav", lambda content: content[:60]),
        ("ACC.csv", lambda content: content + b"0,-6"),
        ("ACC.csv", lambda content: content.replace(b"32.0", b"0", 1)),
        ("ACC.csv", lambda content: content.replace(b"0,-64,32", b"0,,32", 1)),
        ("ACC.csv", lambda content: content + b"1,2,x\n"),
    ],
)
def test_errors_are_those_of_a_frame(name, change, tmp_path):
    WRITERS[name](tmp_path / name)
    (tmp_path / name).write_bytes(change((tmp_path / name).read_bytes()))
    messages = []
    for read in (read_recording, read_in_little_memory):
        with pytest.raises(DamagedFileError) as error:
            read(name)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_records_of_several_kinds_are_read_as_a_frame(tmp_path, monkeypatch):
    """actfast leaves out those of one kind, which must not depend on the parts."""
    logs = []
    for record_type in (26, 0):
        write_gt3x(tmp_path / "a.gt3x", G, SECONDS, record_type)
        with zipfile.ZipFile("a.gt3x") as archive:
            logs.append(archive.read("log.bin"))
            info = archive.read("info.txt")
    with zipfile.ZipFile("a.gt3x", "w") as archive:
        archive.writestr("info.txt", info)
        archive.writestr("log.bin", b"".join(logs))
    pd.testing.assert_frame_equal(*read_both("a.gt3x"), check_exact=True)


def test_a_clock_that_was_set_back(tmp_path):
    write_gt3x(tmp_path / "a.gt3x", G, SECONDS - 3600 * (np.arange(24) >= 12))
    for read in (read_recording, read_in_little_memory):
        with pytest.warns(UserWarning, match=r"set back: sample 1200 has 2024-03-05T21:00:12"):
            read("a.gt3x")


# ---------------------------------------------------------------- what does not fit


def test_numbers_that_do_not_tell_the_values():
    g = np.float32([[0.1, 0.2, 0.3], [0.1, 0.2, 0.4]])
    for counts in ([[1, 2, 3]] * 2, [[1, 2, np.nan]] * 2, [[1, 2, 3], [1, 2, 2**15]]):
        assert not SignalInParts(9).append(g, np.array(counts, float))
    assert SignalInParts(9).append(g, np.array([[1, 2, 2**15 - 1], [1, 2, -(2**15)]]))
    signal = SignalInParts(9)
    assert signal.append(g, np.array([[1, 2, 3], [1, 2, -(2**14)]]))
    assert not signal.append(g[:1], np.array([[7, 2, -(2**14)]]))  # another value than before
    assert not SignalInParts(9).append(g * np.nan, np.zeros((2, 3)))
    np.testing.assert_array_equal(signal.join()[:2], g)


def test_times_that_are_not_evenly_spaced():
    stamps = np.array([0, 10, 20, 31, 100, 110]) * 10**6
    assert BlockTimes.of(stamps, np.array([0]), 100) is None
    times = BlockTimes.of(stamps, np.array([0, 3, 4]), 100)
    np.testing.assert_array_equal(times[:].view(np.int64), stamps)
    thirds = np.rint(np.arange(7) * 1e9 / 30).astype(np.int64)
    assert (BlockTimes.of(thirds, np.array([0]), 30)[:].view(np.int64) == thirds).all()
    assert len(BlockTimes.of(stamps[:1], np.array([0]), 100)) == 1
