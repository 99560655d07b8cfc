"""The peak of the memory of a process."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.common import process_memory
from benchmarks.common.process_memory import own_peak


@pytest.mark.skipif(not process_memory.process_memory(), reason="the system has no /proc")
def test_the_peak_of_another_process_does_not_count():
    large = np.ones(2**24)  # 128 MB
    code = "from benchmarks.common.process_memory import own_peak; print(own_peak())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert float(child.stdout) < 100
    assert own_peak() > large.nbytes / 2**20


def test_the_peak_without_proc(monkeypatch):
    monkeypatch.setattr(process_memory, "process_memory", dict)
    assert own_peak() == pytest.approx(process_memory.peak_by_getrusage())
