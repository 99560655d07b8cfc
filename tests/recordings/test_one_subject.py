"""Recordings of one subject that overlap in time."""

import warnings

import numpy as np
import pytest

from relcon_sklearn import segment_recordings

REST = np.tile([0.0, 0.6, 0.8], (7200, 1))
START = np.datetime64("2024-10-27T00:00:00", "ns")


def dates(offset, n=7200):
    return START + (offset + np.arange(n)) * np.timedelta64(1, "s")


def segment(offsets, subjects=("a", "a"), **kwargs):
    stamps = [dates(offset) for offset in offsets]
    recordings = [REST] * len(offsets)
    kwargs = {"timestamps": stamps, "subjects": list(subjects)} | kwargs
    return segment_recordings(recordings, 1, units="g", window=60, **kwargs)


def test_recordings_of_one_subject_that_overlap_give_a_warning():
    match = (
        r"one subject overlap in time: recording 0 \(subject a\) and recording 1 \(subject a\) "
        r"overlap from 2024-10-27T01:00:00\.000 to 2024-10-27T02:00:00\.000\."
    )
    with pytest.warns(UserWarning, match=match):
        segment([0, 3600])
    with pytest.warns(UserWarning, match=r"01:00:00\.000 .*of 1 other subjects"):
        segment([3600, 0, 0, 0], "abab")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recordings of one subject overlap")
        assert len(segment([0, 3600]).X) == 240


def test_recordings_that_follow_each_other_do_not_overlap():
    assert len(segment([0, 7200]).X) == 240
    assert len(segment([0, 7199]).X) == 240  # by one sample
    assert len(segment([0, 0], "ab").X) == 240
    assert len(segment([0, 0], timestamps=None).X) == 240
    hole = dates(0) + np.repeat([0, 7200], 3600) * np.timedelta64(1, "s")  # filled by the other
    assert len(segment([0, 0], timestamps=[hole, dates(3600)]).X) == 240
