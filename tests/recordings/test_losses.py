"""The warning about recordings of which more than half is left out."""

import warnings

import numpy as np
import pytest

from relcon_sklearn import segment_recordings
from relcon_sklearn._recordings._window_layout import Layout, Windows, count_covered

RATE = 50
N = 120 * RATE
ROW = np.arange(N)
SIGNAL = np.tile(np.float32([0.0, 0.6, 0.8]), (N, 1))
MOVING = SIGNAL + 0.1 * np.random.default_rng(0).standard_normal(SIGNAL.shape)


def jittered(sd, n=N):
    """Return timestamps with a standard deviation of `sd` seconds, strictly increasing."""
    noise = sd * np.random.default_rng(0).standard_normal(n)
    return (np.arange(n) + np.clip(noise * RATE, -0.49, 0.49)) / RATE


def segment(recordings, **kwargs):
    return segment_recordings(recordings, RATE, **({"units": "g"} | kwargs))


def test_jitter_that_drops_most_of_a_recording_warns_and_says_what_keeps_it():
    match = (
        r"More than half of recording 0 was left out: \d.* of 117\.8 s remain.*stretches shorter "
        r"than the window.*max_gap=0\.04 .* keeps 117\.8 s.*message='More than half of"
    )
    with pytest.warns(UserWarning, match=match):
        lossy = segment(SIGNAL, timestamps=jittered(0.004))
    assert len(lossy.X) < 10
    assert len(segment(SIGNAL, timestamps=jittered(0.004), max_gap=0.04).X) == 46


@pytest.mark.parametrize(
    ("recording", "kwargs", "match"),
    [
        (np.where(ROW < 4000, np.nan, 1.0), {"nan_policy": "omit"}, "80 s.*NaN.*Fill"),
        (np.r_[SIGNAL[:4000], MOVING[:2000]], {"nonwear": 1.0}, "80 s.*not move.*nonwear"),
        (SIGNAL, {"labels": [np.where(ROW < 1000, "a", "")]}, "no label.*unlabelled="),
        (SIGNAL, {"labels": [ROW // 64 % 2 * (ROW > 1000)], "purity": 0.9}, "other labels.*purity"),
        (
            np.where(np.isin(ROW % 374, [0, 1, 252, 253]), np.nan, 1.0),
            {"nan_policy": "omit"},
            "after the last",
        ),
        (
            np.where((ROW > 1000) & (ROW % 128 < 60), np.nan, 1.0),
            {"nan_policy": "omit"},
            "shorter window",
        ),
    ],
)
def test_every_reason_comes_with_what_would_keep_it(recording, kwargs, match):
    with pytest.warns(UserWarning, match=rf"More than half of recording 0 .*{match}"):
        segment(np.reshape(recording, (N, -1)), **kwargs)


def test_the_error_without_any_window_says_what_would_keep_some():
    with pytest.raises(ValueError, match=r"No window of 2\.56 s .*max_gap=0\.04 .* keeps 117"):
        segment(SIGNAL, timestamps=jittered(0.006))


def test_one_warning_for_all_recordings_of_a_call():
    stamps = [jittered(0.004), None, jittered(0.004, 3000), jittered(0.004)]
    recordings = [SIGNAL, SIGNAL, SIGNAL[:3000], SIGNAL]
    match = "More than half of 3 of 4 recordings was left out, most of recording 0: .* of 117.8 s"
    with pytest.warns(UserWarning, match=match) as record:
        segment(recordings, timestamps=stamps)
    assert len(record) == 1
    assert record[0].filename == __file__


def test_the_filter_in_the_message_silences_it():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="More than half of")
        segment(SIGNAL, timestamps=jittered(0.004))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"window": 61.0},  # one window
        {"stride": 100.0},  # windows far apart
        {"window": 5.0, "overlap": 0.9},
        {"window": 2.0, "timestamps": ROW / RATE + ROW // 130},
        {"window": 2.0, "overlap": 0.9, "timestamps": ROW / RATE + ROW // 130},
        {"labels": [np.where(ROW < 3200, "a", "")]},
        {"timestamps": jittered(0.001)},
    ],
)
def test_no_warning_where_half_is_kept(kwargs):
    segment(SIGNAL, **kwargs)


def test_no_warning_for_recordings_skipped_on_request():
    segment([SIGNAL, SIGNAL[:10]], short="skip")


@pytest.mark.parametrize("stride", [1, 3, 7, 20])
def test_count_covered_equals_loops(stride):
    rng = np.random.default_rng(stride)
    stretch = np.sort(rng.integers(0, 4, 30))
    place = stride * np.concatenate([np.arange((stretch == i).sum()) for i in range(4)])
    for kept in (np.ones(30, bool), rng.random(30) < 0.5, np.zeros(30, bool)):
        windows = Windows(stretch[kept], place[kept])
        points = {
            (s, b + i)
            for s, b in zip(windows.stretch, windows.begin, strict=True)
            for i in range(7)
        }
        assert count_covered(windows, Layout(7, stride, 1.0)) == len(points)
