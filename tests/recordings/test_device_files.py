"""read_recording on files of devices, where the maintainers have them."""

import warnings

import numpy as np
import pytest
from scipy.signal import butter, find_peaks, sosfiltfilt

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._compact import CompactRecording
from relcon_sklearn.exceptions import DamagedFileError
from relcon_sklearn.recordings import _geneactiv, _gt3x_log, read_recording
from relcon_sklearn.recordings._read_recording import read_in_little_memory
from tests.support.paths import SHARED

pd = pytest.importorskip("pandas")
pytest.importorskip("actfast")

DEVICES = SHARED / "devices"
pytestmark = pytest.mark.skipif(
    not DEVICES.is_dir(), reason=f"{DEVICES} does not exist. Only maintainers need it."
)

AXES = ["x", "y", "z"]

# Number of samples, rate in Hz and median magnitude in g.
READ = {
    "wadpac__GGIRread/ax3_testfile.cwa": (17_400, 100, 0.957),
    "wadpac__GGIRread/ax6_testfile.cwa": (11_320, 100, 1.007),
    "PfizerRD__scikit-digital-health/ax3_sample.cwa": (58_800, 200, 1.037),
    "PfizerRD__scikit-digital-health/ax6_sample.cwa": (10_360, 100, 1.013),
    "openmovementproject__openmovement/example-610-steps.cwa": (71_400, 100, 1.048),
    "OxWearables__stepcount/tiny-sample.cwa.gz": (1_021_800, 100, 0.991),
    "wadpac__GGIR/actigraph_testfile.gt3x": (17_640, 30, 1.010),
    "actigraph__pygt3x/small.gt3x": (810_270, 30, 0.990),
    "actigraph__pygt3x/ISM_Enabled.gt3x": (2_190, 30, 1.040),
    "actigraph__pygt3x/ISM_Disabled.gt3x": (9_000, 30, 1.040),
    "bhelsel__agcounts/example.gt3x": (18_000, 100, 1.053),
    "THLfi__read.gt3x/TAS1H30182785_2019-09-17.gt3x": (33_000, 100, 1.031),
    "cran__GENEAread/TESTfile.bin": (31_200, 100, 1.037),
    "THLfi__read.gt3x/TAS1H30182785_2019-09-17.csv.gz": (240_500, 100, 1.016),
    "hpi-dhc__devicely/ACC.csv": (890, 32, 1.019),
}
SKIPPED = {
    "wadpac__GGIRread/ax3_testfile_corrupt_blocks_0_13_14_142_143_144.cwa": (
        (16_680, 100, 0.955),
        "byte offset 1024",
    ),
    "wadpac__GGIRread/GENEActiv_testfile.bin": ((5_031, 85.7, 1.007), "17 of the 222048 pages"),
    "wadpac__GGIRread/ax3test.wav": ((32_640, 100, 1.007), "261120 of 759972696 bytes"),
}
REFUSED = {
    "wadpac__GGIRread/genea_testfile.bin": "GENEA",
    "wadpac__GGIRread/Actiwatch.AWD": "Actiwatch",
    "wadpac__GGIRread/mtx_100Hz_acc_HR_temp.BIN": "Parmay Matrix",
    "wadpac__GGIRread/mtx_corrupted.bin": "Parmay Matrix",
    "actigraph__pygt3x/neo.gt3x": "old layout",
    "actigraph__NHANES-GT3X-File-Format/sample.gt3x": "old layout",
    "hpi-dhc__devicely/testfile_read.EDF": "EDF",
}


# One of the devices was not calibrated, which has its own test.
ignore_calibration = pytest.mark.filterwarnings("ignore:Still stretches differ")


def check(recording, n_samples, rate, magnitude):
    assert len(recording) == n_samples
    assert recording.attrs["sampling_rate"] == rate
    norm = np.linalg.norm(recording[AXES], axis=1)
    assert np.median(norm) == pytest.approx(magnitude, abs=1e-3)
    assert (np.diff(recording.index.asi8) > 0).all()
    segments = segment_recordings(recording, window=2, target_rate=50)
    assert segments.X.shape[1:] == (100, 3)


@ignore_calibration
@pytest.mark.parametrize("name", READ)
def test_files_are_read(name):
    check(read_recording(DEVICES / name), *READ[name])


@pytest.mark.parametrize("name", READ)
def test_files_are_read_in_little_memory(name, monkeypatch):
    monkeypatch.setattr(_gt3x_log, "_BYTES_AT_ONCE", 2**17)
    monkeypatch.setattr(_geneactiv, "_BYTES_AT_ONCE", 2**17)
    frame, compact = read_recording(DEVICES / name), read_in_little_memory(DEVICES / name)
    assert isinstance(compact, CompactRecording)
    assert compact.attrs == frame.attrs
    np.testing.assert_array_equal(compact.signal[:], frame[AXES])
    np.testing.assert_array_equal(compact.stamps[:], frame.index.to_numpy("M8[ns]"))


@pytest.mark.parametrize("name", SKIPPED)
def test_damaged_files(name):
    expected, match = SKIPPED[name]
    with pytest.raises(DamagedFileError, match=match):
        read_recording(DEVICES / name)
    with pytest.warns(UserWarning, match=match):
        recording = read_recording(DEVICES / name, errors="skip")
    check(recording, *expected)


@pytest.mark.parametrize("name", REFUSED)
def test_files_are_refused(name):
    with pytest.raises(ValueError, match=f"not read: .*{REFUSED[name]}"):
        read_recording(DEVICES / name)


def test_gt3x_agrees_with_the_export_of_the_maker():
    path = DEVICES / "THLfi__read.gt3x" / "TAS1H30182785_2019-09-17.gt3x"
    recording, export = read_recording(path), read_recording(path.with_suffix(".csv.gz"))
    assert export.attrs["serial"] == recording.attrs["serial"]
    clock = recording.index.tz_convert("Etc/GMT+4").tz_localize(None)  # which the export has
    assert clock[0] == export.index[0]
    row = (clock - export.index[0]) / pd.Timedelta("10ms")
    assert np.abs(row - np.rint(row)).max() < 0.1  # a millisecond
    row = np.rint(row).astype(int)
    assert np.abs(recording[AXES].to_numpy() - export[AXES].to_numpy()[row]).max() < 1e-3
    # Elsewhere, the export has the last value of the device, or zeros after its last ones.
    idle = np.setdiff1d(np.arange(len(export)), row)
    filled, last = (export[AXES].to_numpy()[rows] for rows in (idle, _before(idle, row)))
    repeated = (filled == last).all(axis=1)
    assert repeated.mean() > 0.8
    assert not filled[~repeated].any()


def _before(numbers, known):
    """Return the last known number before each of some numbers."""
    return known[np.searchsorted(known, numbers) - 1]


def test_devices_that_are_not_calibrated():
    warned = []
    for name in READ:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            segment_recordings(read_recording(DEVICES / name), window=2, target_rate=50)
        warned += [name] * any("Still stretches differ" in str(each.message) for each in shown)
    assert warned == ["OxWearables__stepcount/tiny-sample.cwa.gz"]


def test_steps_of_an_axivity_recording():
    path = DEVICES / "openmovementproject__openmovement" / "example-610-steps.cwa"
    segments = segment_recordings(read_recording(path), window=700, target_rate=50)
    norm = np.linalg.norm(segments.X[0], axis=1)
    walking = sosfiltfilt(butter(2, (0.5, 3), "bandpass", fs=50, output="sos"), norm)
    steps, _ = find_peaks(walking, height=0.1, distance=15)
    assert len(steps) == pytest.approx(610, rel=0.05)
