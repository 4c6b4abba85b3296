"""Every way to listen, with a real server behind it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import Running, exchange, poll

pytestmark = pytest.mark.slow

Serve = Callable[..., Running]


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def over_unix(path: Path | str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(15)
    sock.connect(str(path))
    return sock


def test_several_addresses_of_every_kind_serve_the_same_application(serve: Serve, folder: Path) -> None:
    server = serve("--bind", "127.0.0.1:0", "--bind", "127.0.0.2:0", "--bind", "unix:x.sock").ready()
    first, second, unix = server.urls
    assert unix == "unix:x.sock"
    for url in (first, second):
        host, port = url.removeprefix("http://").split(":")
        assert port != "0"
        assert exchange(socket.create_connection((host, int(port)))).startswith(b"HTTP/1.1 200 ")
    assert exchange(over_unix(folder / "x.sock")).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0
    assert not (folder / "x.sock").exists()


@needs_ipv6
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_dual_stack_and_names(serve: Serve, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    server = serve("--bind", "[::]:0", "--loop", loop).ready()
    assert server.urls[0].startswith("http://[::]:")
    for address in ("127.0.0.1", "::1"):
        assert exchange(socket.create_connection((address, server.port))).startswith(b"HTTP/1.1 200 ")


def test_a_name_is_served_on_every_address_it_has(serve: Serve) -> None:
    server = serve("--bind", "localhost:0").ready()
    ports = {url.rpartition(":")[2] for url in server.urls}
    assert len(ports) == 1
    for family, _, _, _, address in socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM):
        sock = socket.socket(family)
        sock.connect(address)
        assert exchange(sock).startswith(b"HTTP/1.1 200 ")


def test_a_port_in_use_is_one_line_and_exit_code_1(serve: Serve) -> None:
    first = serve().ready()
    second = serve("--bind", f"127.0.0.1:{first.port}")
    assert second.wait() == 1
    [line] = second.log().splitlines()
    assert f"address 127.0.0.1:{first.port} is already in use" in line
    assert line.endswith("choose another port with --bind")
    assert first.get()


def test_unix_mode_is_set(serve: Serve, folder: Path) -> None:
    serve("--bind", "unix:x.sock", "--unix-mode", "600").ready()
    assert stat.S_IMODE((folder / "x.sock").stat().st_mode) == 0o600


def test_a_stale_unix_socket_is_replaced_and_a_live_one_refused(serve: Serve, folder: Path) -> None:
    first = serve("--bind", "unix:x.sock").ready()
    second = serve("--bind", "unix:x.sock")
    assert second.wait() == 1
    assert "address unix:x.sock is already in use" in second.log()
    assert exchange(over_unix(folder / "x.sock")).startswith(b"HTTP/1.1 200 ")
    first.clean_up()  # killed: the file stays
    assert (folder / "x.sock").is_socket()
    third = serve("--bind", "unix:x.sock").ready()
    assert exchange(over_unix(folder / "x.sock")).startswith(b"HTTP/1.1 200 ")
    assert third.stop() == 0
    assert not (folder / "x.sock").exists()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_worker_that_leaves_does_not_take_the_unix_socket_with_it(serve: Serve, folder: Path, loop: str) -> None:
    """asyncio removes the file when a server closes, since Python 3.13: only the supervisor may."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    server = serve("--bind", "unix:x.sock", "--workers", "2", "--loop", loop, "--log-level", "debug").ready()
    other = server.wait_for(r"worker \d \(pid (\d+)\) is ready")[1]
    os.kill(int(other), signal.SIGTERM)
    server.wait_for("left by itself with exit code 0 after serving")
    assert (folder / "x.sock").is_socket()
    assert exchange(over_unix(folder / "x.sock")).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0


def test_an_inherited_socket_is_served(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        server = serve("--bind", f"fd://{given.fileno()}", pass_fds=[given.fileno()]).ready()
        assert server.urls == [f"http://127.0.0.1:{port}"]
        assert server.get()
        assert server.stop() == 0


def test_an_inherited_unix_socket_is_served_and_stays(serve: Serve, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(folder / "x.sock"))
        given.listen()
        server = serve("--bind", f"fd://{given.fileno()}", pass_fds=[given.fileno()]).ready()
        assert server.urls == [f"unix:{folder}/x.sock"]
        assert exchange(over_unix(folder / "x.sock")).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0
        assert (folder / "x.sock").is_socket()


def test_a_descriptor_that_is_no_socket_is_one_line(serve: Serve) -> None:
    server = serve("--bind", "fd://0")
    assert server.wait() == 1
    assert server.log().startswith("bicorn: fd://0 is not a socket")


def test_reuse_port_lets_two_servers_share_a_port(serve: Serve) -> None:
    first = serve("--reuse-port").ready()
    second = serve("--reuse-port", "--bind", f"127.0.0.1:{first.port}").ready()
    seen: set[str] = set()

    def both() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=15)
        connection.request("GET", "/")
        seen.add(connection.getresponse().read().decode())
        connection.close()
        return len(seen) == 2

    poll(both, "answers of both servers")
    assert second.stop() == 0
