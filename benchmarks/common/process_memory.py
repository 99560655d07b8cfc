"""The memory of this process, as the operating system reports it."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path


def process_memory() -> dict[str, float]:
    """Return VmRSS, VmHWM (its peak) and similar fields in MB of 2**20 bytes.

    The result is empty on systems without /proc/self/status.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(value) / 1024 for name, value, _ in fields}


def reset_peak() -> None:
    """Reset VmHWM to the current resident memory, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_by_getrusage() -> float | None:
    """Return the peak of the resident memory of this process in MB; None if unknown."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def own_peak() -> float | None:
    """Return the peak of the resident memory of this process in MB; None if unknown.

    In Linux, that of getrusage also counts the memory of the process that started this one.
    """
    return process_memory().get("VmHWM", peak_by_getrusage())


class PeakMemory:
    """Memory added within a with-block: `rss` and `anonymous`, in MB; None if unknown.

    Without /proc, `rss` is the growth of the peak of the whole process. It may be too small.
    """

    rss: float | None = None
    anonymous: float | None = None
    source = "none"

    def __enter__(self):
        gc.collect()
        reset_peak()  # where this is impossible, the peak of the warm-up remains
        self._before = process_memory()
        self._before_rusage = peak_by_getrusage()
        self._largest = self._before.get("RssAnon")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        if self._largest is not None:
            self._thread.start()
        return self

    def _sample(self):
        while not self._done.wait(0.005):
            self._largest = max(self._largest, process_memory()["RssAnon"])

    def __exit__(self, *exc_info):
        self._done.set()
        after = process_memory()
        if self._largest is not None:
            self._thread.join()
            self._largest = max(self._largest, after["RssAnon"])
            self.anonymous = self._largest - self._before["RssAnon"]
        if "VmHWM" in after:
            self.rss, self.source = after["VmHWM"] - self._before["VmRSS"], "VmHWM"
        elif self._before_rusage is not None:
            self.rss, self.source = peak_by_getrusage() - self._before_rusage, "getrusage"
