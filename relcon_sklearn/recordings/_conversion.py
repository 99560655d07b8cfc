"""Conversion of one file into one store, as a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._recordings import Segments, segment_recordings
from .._recordings._read import as_list, read_rates
from .._recordings._times import has_dates
from .._recordings._upsampling import warn_of_upsampling
from ..segments import SegmentWriter
from ._jobs import FAILED, MADE, Job, Outcome


def write_store(
    job: Job,
    folder: Path,
    *,
    read: Callable,
    segmentation: dict[str, Any],
    dtype: str,
    for_model: bool,
) -> dict[str, Any]:
    """Write the store of a file, and return its numbers.

    `segmentation` are the arguments of segment_recordings, and `for_model` is whether the rate is
    that of a model.
    """
    recordings, rate = as_list(read(job.file)), segmentation["target_rate"]
    if for_model:
        names = [f"recording {i}" for i in range(len(recordings))]
        rates = read_rates(segmentation.get("sampling_rate"), recordings, names)
        warn_of_upsampling(rates, rate, names)
    segments = segment_recordings(recordings, subjects=[job.subject], **segmentation)
    with SegmentWriter(
        folder,
        n_timesteps=segments.X.shape[1],
        n_channels=segments.X.shape[2],
        sampling_rate=rate,
        dtype=dtype,
        channels=segmentation.get("channels"),
    ) as writer:
        writer.append(segments.X, job.subject, times=segments.start_times)
    return _measure(segments, rate)


def as_row(outcome: Outcome) -> dict[str, Any]:
    """Return the row of the table of convert_recordings."""
    job, status, record, reason = outcome
    return {
        "name": job.name,
        "file": job.file,
        "subject": job.subject,
        "status": "converted" if status == MADE else status,
        "n_segments": record.get("n_segments", 0),
        "hours": record.get("hours", 0.0),
        "start": record.get("start"),
        "stop": record.get("stop"),
        "reason": reason,
        "warnings": outcome.warnings,
        "store": None if status == FAILED else str(job.folder),
    }


def _measure(segments: Segments, rate: float) -> dict[str, Any]:
    """Return the number of segments, the hours that they cover, and their times if known."""
    length, times = segments.X.shape[1] / rate, segments.start_times
    if not has_dates(times):
        apart, start, stop = np.diff(times), None, None
    else:
        apart = np.diff(times) / np.timedelta64(1, "s")
        start = str(times[0])
        stop = str(times[-1] + np.timedelta64(round(length * 1e9), "ns"))
    hours = (np.minimum(apart, length).sum() + length) / 3600
    return {"n_segments": len(times), "hours": float(hours), "start": start, "stop": stop}
