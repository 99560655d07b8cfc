"""Tries with conversions of files that are killed at random moments and repeated.

40 files are converted by two processes. All of them, or only the one that called
`convert_recordings`, are killed by SIGKILL ten times, each time after a random part of the time
that a whole conversion takes. The next call may then meet a worker that is still writing. A last
call ends. The stores must then have, byte for byte, the files of a conversion that was not killed.
Linux and macOS: it needs fork.
"""

import os
import signal
import time
from pathlib import Path

import joblib
import numpy as np

from benchmarks.reliability.tries import Kind, Try, new_folder, require
from relcon_sklearn.recordings import convert_recordings

_N_FILES, _KILLS = 40, 10


def write_file(path: Path, seed: int) -> None:
    """Write two minutes in the layout of Empatica E4."""
    counts = np.random.default_rng(seed).integers(-64, 64, (120 * 32, 3))
    with open(path, "w") as file:
        file.write("1709676000.0, 1709676000.0, 1709676000.0\n32.0, 32.0, 32.0\n")
        np.savetxt(file, counts, fmt="%d", delimiter=",")


def convert_in_child(files: list[Path], out: Path) -> int:
    """Fork a process that converts files by two processes of its group; return the process id."""
    pid = os.fork()
    if pid:
        return pid
    errors = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # workers without a parent report broken pipes
    try:
        os.setsid()
        # Workers are forked too, and need not import anything.
        with joblib.parallel_config("multiprocessing", n_jobs=2):
            table = convert_recordings(files, out, window=5, target_rate=20, gravity=False)
        os._exit(int((table["status"] == "failed").any()))
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=errors, flush=True)
        os._exit(1)


def wait(pid: int) -> None:
    """Wait for a conversion, which must succeed unless it was killed."""
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a conversion failed; its error is above")


def contents(out: Path) -> dict[str, bytes]:
    """Return the files of all stores in a folder."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.glob("[!.]*/*"))
        if path.is_file()
    }


def _killed(folder: Path) -> Try:
    files = [folder / f"{number}.csv" for number in range(_N_FILES)]
    for number, path in enumerate(files):
        write_file(path, number)
    begin = time.monotonic()
    wait(convert_in_child(files, folder / "whole"))
    duration = time.monotonic() - begin
    expected = contents(folder / "whole")

    def attempt(rng):
        with new_folder(folder) as out:
            for _ in range(_KILLS):
                pid = convert_in_child(files, out)
                time.sleep(rng.uniform(0, duration / 2))  # later calls have less to do
                kill = os.kill if rng.random() < 0.5 else os.killpg
                try:
                    kill(pid, signal.SIGKILL)
                except ProcessLookupError:  # it has no group yet
                    os.kill(pid, signal.SIGKILL)
                wait(pid)
            wait(convert_in_child(files, out))
            require(contents(out) == expected, "stores of killed conversions differ")

    return attempt


KINDS = {"conversion killed": Kind(_killed, lambda error: False, seconds=300)}
