"""kept_memory: the process keeps freed memory until the end of the block."""

import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from relcon_sklearn._training import _memory
from relcon_sklearn._training._memory import kept_memory

needs_glibc = pytest.mark.skipif(_memory._glibc() is None, reason="needs glibc")
SIZE = 2**26  # bytes: more than glibc keeps by default


def page_faults():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident():
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def faults_of_another_array():
    np.ones(SIZE, dtype=np.uint8)
    before = page_faults()
    np.ones(SIZE, dtype=np.uint8)
    return page_faults() - before


def in_a_new_process(check):
    """Run a check in a process in which no other test has changed the state of glibc."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(check).result()


@needs_glibc
def test_pages_are_used_again():
    in_a_new_process(pages_are_used_again)


def pages_are_used_again():
    # Pages have 4 kB, or 2 MB on systems with huge pages.
    assert faults_of_another_array() >= SIZE // 2**21 - 1
    with kept_memory():
        assert faults_of_another_array() <= 8
    assert faults_of_another_array() >= SIZE // 2**21 - 1


@needs_glibc
def test_memory_goes_back_at_the_end():
    in_a_new_process(memory_goes_back)


def memory_goes_back():
    before = resident()
    with kept_memory():
        np.ones(4 * SIZE, dtype=np.uint8)
        assert resident() > before + 3 * SIZE
    assert resident() < before + SIZE


@needs_glibc
def test_blocks_share_the_setting(monkeypatch):
    calls = []

    class Libc:
        def mallopt(self, *args):
            calls.append(args)

        def malloc_trim(self, pad):
            calls.append("trim")

    monkeypatch.setattr(_memory, "_glibc", Libc)
    inside, leave = threading.Event(), threading.Event()

    def work():
        with kept_memory():
            inside.set()
            leave.wait(timeout=10)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(timeout=10)
    with kept_memory():
        with kept_memory():
            pass
        leave.set()
        thread.join()
        assert calls == [(-4, 0), (-1, -1)]
    assert calls[2:] == [(-4, 65536), (-3, 2**25), (-1, 2**26), "trim"]


@needs_glibc
def test_an_error_ends_it_too():
    with pytest.raises(RuntimeError):
        with kept_memory():
            raise RuntimeError
    assert _memory._n_inside == 0


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _memory._glibc() is None
    with kept_memory():
        assert _memory._n_inside == 0


@needs_glibc
@pytest.mark.parametrize(
    ("name", "value"),
    [
        (_memory.KEEP_VARIABLE, "0"),
        ("MALLOC_TRIM_THRESHOLD_", "131072"),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_max=100:glibc.rtld.nns=4"),
    ],
)
def test_the_user_has_the_say(monkeypatch, name, value):
    calls = []

    class Libc:
        def mallopt(self, *args):
            calls.append(args)

        def malloc_trim(self, pad):
            calls.append("trim")

    monkeypatch.setattr(_memory, "_glibc", Libc)
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        with kept_memory():
            assert not calls
    with kept_memory():
        assert calls
