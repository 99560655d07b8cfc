import socket

import pytest

from tests.support.local_server import LocalServer


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fail a test that connects to another machine."""
    resolve = socket.getaddrinfo

    def resolve_local(host, *args, **kwargs):
        assert host in ("127.0.0.1", "localhost"), f"a test requested {host}"
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_local)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    """Return a running LocalServer."""
    with LocalServer() as running:
        yield running
