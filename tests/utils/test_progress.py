"""Progress bars: shown on request, without threads or other output."""

import subprocess
import sys
import threading

import pytest

from relcon_sklearn._utils import _progress
from relcon_sklearn._utils._progress import progress_bar


def finish(bar, n=3):
    with bar:
        for _ in range(n):
            bar.update()
        bar.set_postfix({"loss": "0.5"})
    bar.close()
    return bar


def test_a_bar(capsys):
    finish(progress_bar(3, "my encoder", "steps", shown=True))
    shown = capsys.readouterr().err
    assert "my encoder: 100%" in shown
    assert "3/3" in shown
    assert " steps/s" in shown
    assert "loss=0.5" in shown


def test_large_numbers_are_short(capsys):
    with progress_bar(20_000, "embed", "segments", shown=True) as bar:
        bar.update(10_000)
    assert "10.0k/20.0k" in capsys.readouterr().err


def test_no_bar(capsys):
    bar = finish(progress_bar(3, "my encoder", "steps", shown=False))
    assert capsys.readouterr() == ("", "")
    assert bar.n == 3
    bar.n = bar.initial = 7  # as training does when it continues from a checkpoint
    assert bar.n == 7


@pytest.mark.parametrize("shown", [True, False])
def test_no_thread_is_begun(shown):
    from tqdm.auto import tqdm

    # Other tests could have started tqdm's thread.
    if tqdm.monitor is not None:
        tqdm.monitor.exit()
        tqdm.monitor = None
    before = threading.active_count()
    finish(progress_bar(3, "my encoder", "steps", shown=shown))
    assert threading.active_count() == before
    assert tqdm.monitor is None


def test_a_notebook_without_widgets_is_not_told_so():
    """In a new process: tqdm decides when it is first imported."""
    code = (
        "import runpy, sys, types\n"
        "sys.modules['ipywidgets'] = None\n"
        "shell = types.SimpleNamespace(config={'IPKernelApp': {}})\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: shell)\n"
        "sys.modules['ipykernel.zmqshell'] = types.SimpleNamespace()\n"
        "bar = runpy.run_path(sys.argv[1])['progress_bar'](2, 'work', 'steps', shown=True)\n"
        "bar.update(2)\n"
        "bar.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, _progress.__file__],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "work: 100%" in done.stderr
