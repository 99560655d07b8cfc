import socket

import pytest

from tests.support.local_server import LocalServer


@pytest.fixture(autouse=True)
def this_machine_only(monkeypatch):
    """No test may reach for the network."""
    resolve = socket.getaddrinfo

    def local(host, *args, **kwargs):
        assert host in ("127.0.0.1", "localhost"), f"a test asked for {host}"
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    """Return a running LocalServer."""
    with LocalServer() as running:
        yield running
