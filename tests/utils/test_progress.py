"""Progress bars: shown on request, without threads or other output."""

import io
import subprocess
import sys
import threading

import pytest

from relcon_sklearn._utils import _progress
from relcon_sklearn._utils._progress import hidden_bars, progress_bar


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


def test_no_bars_within_a_call_that_has_one(capsys):
    with hidden_bars():
        finish(progress_bar(3, "my encoder", "steps", shown=True))
    assert capsys.readouterr().err == ""
    finish(progress_bar(3, "my encoder", "steps", shown=True))
    assert "3/3" in capsys.readouterr().err


def test_large_numbers_are_short(capsys):
    with progress_bar(20_000, "embed", "segments", shown=True) as bar:
        bar.update(10_000)
    assert "10.0k/20.0k" in capsys.readouterr().err


class Screen(io.StringIO):
    """A text stream that is a terminal, or is not."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    def n_lines(self):
        return self.getvalue().count("/100 [")


def lines_of_a_bar(stream, monkeypatch):
    """Return the number of lines that a bar writes which advances 100 times in 50 seconds."""
    monkeypatch.setattr("sys.stderr", stream)
    with progress_bar(100, "my encoder", "steps", shown=True) as bar:
        now = bar.start_t
        bar._time = lambda: now
        for _ in range(100):
            now += 0.5
            bar.update()
            bar.set_postfix({"loss": "0.5"})
    assert "loss=0.5" in stream.getvalue()
    return stream.n_lines()


def test_without_a_terminal_a_line_is_written_every_ten_seconds(monkeypatch):
    # At the start, after 10, 20, 30, 40 and 50 seconds, and at the end.
    assert lines_of_a_bar(Screen(terminal=False), monkeypatch) == 7


def test_in_a_terminal_each_step_is_shown(monkeypatch):
    assert lines_of_a_bar(Screen(terminal=True), monkeypatch) > 100


def test_in_a_notebook_each_step_is_shown(monkeypatch):
    kind = type("OutStream", (Screen,), {"__module__": "ipykernel.iostream"})
    assert lines_of_a_bar(kind(terminal=False), monkeypatch) > 100


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
