"""Tasks in threads that use one of torch's threads each, without an effect on other threads."""

import contextlib
import gc
import os
import threading
import time
import weakref

import pytest
import torch

from relcon_sklearn.nn import _threads
from relcon_sklearn.nn._threads import in_threads, one_by_one, own_num_threads


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.fixture
def no_workers():
    _threads._make_workers.cache_clear()


def workers():
    return {t for t in threading.enumerate() if t.name.startswith("relcon-rank")}


def in_a_new_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("run", [in_threads, one_by_one])
def test_every_task_is_run_once(run, n, n_threads):
    done = []
    run(done.append, n)
    assert sorted(done) == list(range(n))


def test_each_computes_with_one_thread_and_no_gradients(n_threads):
    found = []
    for _ in range(2):
        in_threads(lambda i: found.append((torch.get_num_threads(), torch.is_grad_enabled())), 5)
    assert found == [(1, False)] * 10
    assert torch.is_grad_enabled()


def test_workers_are_reused(n_threads):
    in_threads(lambda i: None, 7)
    before = workers()
    for _ in range(20):
        in_threads(lambda i: None, 7)
        in_a_new_thread(lambda: in_threads(lambda i: None, 7))
    assert workers() == before


def test_workers_for_other_numbers_end(no_workers):
    before = torch.get_num_threads()
    try:
        for n in (2, 3, 4, 5, 2, 3):
            torch.set_num_threads(n)
            in_threads(lambda i: None, n)
        for thread in workers():
            thread.join(timeout=1)  # some have been told to end
        assert len(workers()) == 2 + 3
    finally:
        torch.set_num_threads(before)


def test_threads_that_tasks_start_have_the_number_that_was_set(n_threads):
    found = []
    in_threads(lambda i: found.append(in_a_new_thread(torch.get_num_threads)), 6)
    assert found == [n_threads] * 6


@pytest.mark.usefixtures("no_workers")
def test_threads_that_start_with_the_workers_wait(n_threads, monkeypatch):
    found, begun, set_num_threads = [], [], torch.set_num_threads

    def meanwhile(n):
        set_num_threads(n)
        if n == 1:
            thread = threading.Thread(target=lambda: found.append(own_num_threads()))
            thread.start()
            thread.join(0.05)
            begun.append(thread)

    monkeypatch.setattr(torch, "set_num_threads", meanwhile)
    in_threads(lambda i: None, 2)
    for thread in begun:
        thread.join()
    assert found == [n_threads] * (0 if n_threads == 1 else n_threads)


@pytest.mark.usefixtures("no_workers")
def test_threads_that_call_for_the_first_time_at_once(n_threads):
    start, done = threading.Barrier(4), []

    def call():
        start.wait()
        in_threads(lambda i: done.append(torch.get_num_threads()), 10)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [1] * 40
    assert len(workers()) in (0, n_threads)


def test_an_error_in_a_task_is_raised_when_all_have_ended(n_threads):
    running = []

    def fail(i):
        running.append(i)
        try:
            if i == 0:
                raise RuntimeError(f"anchor {i}")
            threading.Event().wait(0.02)
        finally:
            running.remove(i)

    with pytest.raises(RuntimeError, match="anchor 0"):
        in_threads(fail, 9)
    assert running == []
    done = []
    in_threads(done.append, 3)
    assert sorted(done) == [0, 1, 2]


def test_an_error_keeps_nothing_alive(n_threads):
    class Large:
        pass

    large = Large()
    kept = weakref.ref(large)

    def fail(i, large=large):
        raise RuntimeError

    gc.disable()
    try:
        with contextlib.suppress(RuntimeError):
            in_threads(fail, 3)
        del fail, large
        # A worker releases its last task only after it has reported the end.
        deadline = time.monotonic() + 5
        while kept() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_workers")
def test_an_error_if_no_more_threads_can_be_started(monkeypatch):
    before, start, known = torch.get_num_threads(), threading.Thread.start, workers()

    def refuse(thread):
        if workers() - known - {thread}:
            raise RuntimeError("can't start new thread")
        start(thread)

    torch.set_num_threads(2)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            in_threads(lambda i: None, 3)
        assert torch.get_num_threads() == 2
        assert own_num_threads() == 2  # nothing is locked
        monkeypatch.undo()
        in_threads(known.add, 3)
        assert {0, 1, 2} <= known
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("no_workers")
def test_after_a_fork_there_are_new_workers(monkeypatch):
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        in_threads(lambda i: found.append(threading.current_thread()), 1)
        child = os.getpid() + 1
        monkeypatch.setattr(os, "getpid", lambda: child)
        in_threads(lambda i: found.append(threading.current_thread()), 1)
    finally:
        torch.set_num_threads(before)
    assert found[0] is not found[1]
