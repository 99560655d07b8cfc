"""Signals during training are detected and answered, and their handlers restored."""

import os
import signal
import threading

import pytest

from relcon_sklearn._training._interruption import Interruption


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def handlers_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(n) for n in numbers]
    yield
    assert [signal.getsignal(n) for n in numbers] == before


def run(body, *, wait):
    """Run `body(interruption, done)` in the block, and append `done` to RUNS."""
    done = []
    with Interruption(wait=wait) as interruption:
        assert not interruption.requested
        try:
            body(interruption, done)
        except KeyboardInterrupt:
            done.append("raised")
            raise
        finally:
            RUNS.append(done)


RUNS = []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_request_waits_and_is_raised_at_the_end(number):
    def body(interruption, done):
        send(number)
        done.append(interruption.requested)

    with pytest.raises(KeyboardInterrupt):
        run(body, wait=True)
    assert RUNS.pop() == [True]


def test_sigterm_waits_also_if_it_is_repeated():
    def body(interruption, done):
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        done.append(interruption.requested)

    with pytest.raises(KeyboardInterrupt):
        run(body, wait=True)
    assert RUNS.pop() == [True]


def test_ctrl_c_after_a_request_does_not_wait():
    def body(interruption, done):
        send(signal.SIGTERM)
        done.append(1)
        send(signal.SIGINT)
        done.append(2)

    with pytest.raises(KeyboardInterrupt):
        run(body, wait=True)
    assert RUNS.pop() == [1, "raised"]


def test_without_waiting():
    def body(interruption, done):
        try:
            send(signal.SIGINT)
            done.append(1)
        finally:
            done.append(interruption.requested)

    with pytest.raises(KeyboardInterrupt):
        run(body, wait=False)
    assert RUNS.pop() == [True, "raised"]


def test_without_waiting_sigterm_is_not_ours():
    with Interruption(wait=False):
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_error_is_not_hidden_by_a_request():
    def body(interruption, done):
        send(signal.SIGTERM)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(body, wait=True)


def test_handlers_of_the_application_come_back():
    def handler(number, frame):
        raise AssertionError("not while training")

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(KeyboardInterrupt), Interruption(wait=True):
            send(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_changes():
    seen = []

    def work():
        with Interruption(wait=True) as interruption:
            seen.append((interruption.requested, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.getsignal(signal.SIGTERM))]
