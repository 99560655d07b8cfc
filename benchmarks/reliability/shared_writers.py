"""Tries with writers of stores: threads, forks, kills, interrupts, failing sources and full disks.

Each append writes one number into all its segments, under a name of its own. A store is right if it
holds every append that returned, whole and under its name, and nothing else except appends that
were interrupted, which may be there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.reliability.tries import Kind, Try, WrongData, new_folder, require
from relcon_sklearn import SegmentWriter, open_segments
from relcon_sklearn.segments import _store_writer

_SHAPE = {"n_timesteps": 4, "n_channels": 2, "sampling_rate": 50.0}


class SourceFailed(Exception):
    """Raised by a source of segments while it is read."""


class FailingSource:
    """Segments that fail when the last of them are read."""

    def __init__(self, X: np.ndarray):
        self._X = X
        self.shape = X.shape

    def __getitem__(self, rows):
        if rows.stop >= len(self._X):
            raise SourceFailed
        return self._X[rows]


def _segments(number: int, rng) -> np.ndarray:
    """Return a random number of segments, all of whose values are `number`."""
    return np.full((int(rng.integers(1, 700)), 4, 2), number, np.float32)


def _name(number: int) -> str:
    return f"s{number}"


def _append(writer: SegmentWriter, number: int, rng) -> dict[int, int]:
    """Append once; return the number of segments of the append."""
    X = _segments(number, rng)
    writer.append(X, _name(number))
    return {number: len(X)}


def _fail_to_append(writer: SegmentWriter, number: int, rng) -> None:
    """Append segments that are refused at their end."""
    X = _segments(number, rng)
    if rng.integers(2):
        X[-1] = np.nan
    else:
        X = FailingSource(X)
    try:
        writer.append(X, _name(number))
    except (ValueError, SourceFailed):
        return
    raise WrongData(f"the failing append {number} returned")


def _check(path: Path, written: dict[int, int], perhaps: dict[int, int] | None = None) -> None:
    """Raise WrongData unless a store holds exactly what was written, and perhaps more appends."""
    perhaps = perhaps or {}
    found = _found(path)
    for number, n in found.items():
        allowed = written.get(number, perhaps.get(number))
        require(allowed is not None, f"append {number} is there")
        require(n == allowed, f"append {number} has {n} of {allowed} segments")
    missing = sorted(written.keys() - found.keys())
    require(not missing, f"appends {missing} are missing")


def _found(path: Path) -> dict[int, int]:
    """Return the number of segments of each append in a store."""
    try:
        store = open_segments(path)
    except ValueError as error:
        if "holds no segments" in str(error):
            return {}
        raise
    values, names = store.X[:], np.asarray(store.groups)
    numbers = values[:, 0, 0].astype(int)
    require(bool((values == numbers[:, None, None]).all()), "a segment has several values")
    require(names.tolist() == [_name(n) for n in numbers.tolist()], "segments have another's name")
    found, counts = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


# -- the kinds -------------------------------------------------------------------------------------


def _in_threads(folder: Path) -> Try:
    def attempt(rng):
        with new_folder(folder) as path, SegmentWriter(path, **_SHAPE) as writer:
            n = int(rng.integers(2, 9))
            seeds = rng.integers(2**32, size=n).tolist()

            def work(job):
                own = np.random.default_rng(seeds[job])
                first = 3 * job
                choice = own.integers(4)
                if choice == 0:
                    _fail_to_append(writer, first, own)
                    return {}
                if choice == 1:
                    return _append(writer, first, own)
                with writer.transaction():
                    written = _append(writer, first, own)
                    if choice == 2:
                        _fail_to_append(writer, first + 1, own)
                    return written | _append(writer, first + 2, own)

            written: dict[int, int] = {}
            with ThreadPoolExecutor(int(rng.integers(2, 5))) as pool:
                for part in pool.map(work, range(n)):
                    written |= part
            _check(path, written)
            require(writer.n_segments == sum(written.values()), "n_segments")

    return attempt


def _in_forks(folder: Path) -> Try:
    def attempt(rng):
        with new_folder(folder) as path, SegmentWriter(path, **_SHAPE) as writer:
            written: dict[int, int] = {}
            for number in range(int(rng.integers(2, 6))):
                if rng.integers(2):
                    written |= _append(writer, number, rng)
                with writer.transaction() if rng.integers(2) else contextlib.nullcontext():
                    if rng.integers(2):
                        written |= _append(writer, 100 + number, rng)
                    _fork(lambda n=number: _refused_in_fork(writer, 200 + n, rng))
            _check(path, written)

    return attempt


def _refused_in_fork(writer: SegmentWriter, number: int, rng) -> None:
    choice = rng.integers(3)
    if choice == 0:
        writer.close()
        return
    try:
        if choice == 1:
            _append(writer, number, rng)
        else:
            with writer.transaction():
                pass
    except RuntimeError:
        return
    raise WrongData("a forked process could use the writer")


def _fork(work) -> None:
    """Run a function in a forked process; raise WrongData if it fails."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    require(status == 0, "a forked process failed")


def _killed(folder: Path) -> Try:
    def attempt(rng):
        with new_folder(folder) as path:
            written: dict[int, int] = {}
            perhaps: dict[int, int] = {}
            for i in range(3):
                returned, started = _append_until_killed(path, 1000 * i, rng)
                written |= returned
                perhaps |= started
                if (path / "header.json").exists():
                    _check(path, written, perhaps)
            with SegmentWriter(path, **_SHAPE) as writer:
                written |= _append(writer, 10**4, rng)
            _check(path, written, perhaps)

    return attempt


def _append_until_killed(path: Path, first: int, rng) -> tuple[dict, dict]:
    """Append in a forked process until it is killed; return what returned, and what started."""
    seed, seconds = int(rng.integers(2**32)), rng.uniform(0, 0.05)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        own = np.random.default_rng(seed)
        with contextlib.suppress(BaseException):
            writer = SegmentWriter(path, **_SHAPE)
            for number in range(first, first + 1000):
                _append(writer, number, own)
                os.write(writing, b"x")
        os._exit(1)
    os.close(writing)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with open(reading, "rb") as pipe:
        n_returned = len(pipe.read())
    require(os.WIFSIGNALED(status), "an append failed before the process was killed")
    own = np.random.default_rng(seed)
    sizes = {first + i: len(_segments(first + i, own)) for i in range(n_returned + 1)}
    last = {first + n_returned: sizes.pop(first + n_returned)}
    return sizes, last


def _interrupted(folder: Path) -> Try:
    def interrupt(*_):
        raise KeyboardInterrupt

    def attempt(rng):
        before = signal.signal(signal.SIGALRM, interrupt)
        # An interrupt within a finalizer is only reported, and the next may come in the report.
        report, sys.unraisablehook = sys.unraisablehook, lambda _: None
        written: dict[int, int] = {}
        perhaps: dict[int, int] = {}
        try:
            with new_folder(folder) as path:
                writer = SegmentWriter(path, **_SHAPE)
                for number in range(int(rng.integers(2, 8))):
                    own = np.random.default_rng([int(rng.integers(2**32)), number])
                    again = np.random.default_rng(own.bit_generator.seed_seq)
                    # Sometimes a second interrupt comes during the roll back.
                    first, second = rng.uniform(1e-5, 0.004), rng.choice([0, 1e-4, 1e-3])
                    try:
                        try:
                            signal.setitimer(signal.ITIMER_REAL, first, second)
                            written |= _append(writer, number, own)
                        finally:
                            signal.setitimer(signal.ITIMER_REAL, 0)
                    except KeyboardInterrupt:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                        perhaps |= {number: len(_segments(number, again))}
                writer.close()
                _check(path, written, perhaps)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            sys.unraisablehook = report

    return attempt


def _failing(folder: Path) -> Try:
    def attempt(rng):
        with new_folder(folder) as path, SegmentWriter(path, **_SHAPE) as writer:
            written: dict[int, int] = {}
            for number in range(int(rng.integers(2, 8))):
                if rng.integers(4) == 0:
                    with contextlib.suppress(OSError):
                        # OSError if the roll back of an append before it fails again.
                        _fail_to_append(writer, number, rng)
                    continue
                X = _segments(number, rng)
                try:
                    with _failing_disk(writer, rng):
                        writer.append(X, _name(number))
                except OSError as error:
                    if "is committed" not in str(error):
                        continue
                written[number] = len(X)
            _check(path, written)

    return attempt


@contextlib.contextmanager
def _failing_disk(writer: SegmentWriter, rng) -> Iterator[None]:
    """Make random calls to the disk fail within the block, as if it was full."""
    probability = rng.choice([0.02, 0.2, 0.6])

    def failing(function):
        def called(*args, **kwargs):
            if rng.random() < probability:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*args, **kwargs)

        return called

    class File:
        def __init__(self, file):
            self._file = file
            self.write, self.truncate = failing(file.write), failing(file.truncate)

        def __getattr__(self, name):
            return getattr(self._file, name)

    files, calls = writer._files, (os.fsync, os.replace)
    writer._files = {name: File(file) for name, file in files.items()}
    os.fsync, os.replace = map(failing, calls)
    try:
        yield
    finally:
        os.fsync, os.replace = calls
        writer._files = files


def _with_small_blocks(prepare: Callable[[Path], Try], folder: Path) -> Try:
    """Prepare a kind, in a process in which most appends are written in several blocks."""
    _store_writer._BLOCK_BYTES = 2**12
    return prepare(folder)


def _never(error: Exception) -> bool:
    """Whether an error is documented: those that are have been caught."""
    return False


KINDS = {
    f"writer: {name}": Kind(partial(_with_small_blocks, prepare), _never, seconds=60)
    for name, prepare in {
        "threads": _in_threads,
        "forks": _in_forks,
        "killed": _killed,
        "interrupted": _interrupted,
        "failing source or disk": _failing,
    }.items()
}
