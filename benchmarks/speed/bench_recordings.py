"""Speed from the file of a device to segments: read, interpolate and resample, cut.

    python -m benchmarks.speed.bench_recordings --hours 168

writes a file in the layout of Axivity AX3, as a device of 100 Hz that runs 1.3 % too slow would, so
that all samples are interpolated. Measured in one process, each with the result of the one before:

- actfast: the file is parsed, without times within its blocks;
- read: read_recording, which calls actfast;
- segment: segment_recordings, with windows of 10 s at 50 Hz;
- resample alone: scipy's resample_poly of the same samples at once, as if they were regular.

Times are CPU times of one thread. Memory is the peak during segment_recordings minus that before,
of another process. It includes the segments.
"""

from __future__ import annotations

import time
from pathlib import Path

import actfast
from scipy.signal import resample_poly

from benchmarks.common.process_memory import PeakMemory
from benchmarks.speed.device_file import TARGET_RATE, WINDOW, run_script
from relcon_sklearn import segment_recordings
from relcon_sklearn.recordings import read_recording


def measure(path: Path) -> dict[str, float]:
    """Return the CPU time of each step in seconds."""
    seconds = {}

    def timed(name, function, *args, **kwargs):
        start = time.process_time()
        result = function(*args, **kwargs)
        seconds[name] = time.process_time() - start
        return result

    timed("actfast", actfast.read, path)
    recording = timed("read", read_recording, path)
    timed("segment", segment_recordings, recording, window=WINDOW, target_rate=TARGET_RATE)
    signal = recording[["x", "y", "z"]].to_numpy()
    timed("resample alone", resample_poly, signal, 1, 2, axis=0)
    return seconds | {"segment / read": seconds["segment"] / seconds["read"]}


def measure_memory(path: Path) -> dict[str, float]:
    """Return the memory in MB that segmentation adds at its peak, and that of the segments."""
    recording = read_recording(path)
    with PeakMemory() as peak:
        X = segment_recordings(recording, window=WINDOW, target_rate=TARGET_RATE).X
    return {"added_mb": peak.anonymous or peak.rss, "segments_mb": X.nbytes / 2**20}


def main() -> None:
    run_script(
        __doc__,
        __spec__.name,
        "recordings",
        lambda: measure,
        measure_memory,
        "Memory that segmentation adds at its peak: {added_mb:.0f} MB\n"
        "of which are segments: {segments_mb:.0f} MB",
        repeats=5,
    )


if __name__ == "__main__":
    main()
