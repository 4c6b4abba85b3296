"""Real sockets on loopback, one process."""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.errors import BindError
from bicorn.process import sockets
from bicorn.process.sockets import adopt, bind_all, close_all, let_nobody_knock
from bicorn.server.listener import Listener

Bind = Callable[..., list[Listener]]


@pytest.fixture
def bind() -> Iterator[Bind]:
    """``bind_all`` that closes what it opened when the test is over."""
    opened: list[Listener] = []

    def bind(*addresses: str, **settings: object) -> list[Listener]:
        opened.extend(found := bind_all(Config(bind=addresses, **settings)))  # type: ignore[arg-type]
        return found

    yield bind
    close_all(opened)


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def answers(listener: Listener, address: tuple[str, int] | str | None = None) -> bool:
    """Whether a connection to the address arrives at that listener."""
    family = socket.AF_UNIX if isinstance(address, str) else None
    with (
        socket.socket(family)
        if family
        else socket.create_connection(address or listener.sock.getsockname()[:2]) as client
    ):
        if family:
            client.connect(address)
        listener.sock.setblocking(True)
        listener.sock.settimeout(5)
        accepted, _ = listener.sock.accept()
        with accepted:
            accepted.sendall(b"x")
            return client.recv(1) == b"x"


def failure(*addresses: str, **settings: object) -> str:
    with pytest.raises(BindError) as caught:
        close_all(bind_all(Config(bind=addresses, **settings)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fake_hosts(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def getaddrinfo(host: object, port: int, **_: object) -> list[object]:
        return [
            (
                socket.AF_INET6 if ":" in a else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (a, port, 0, 0)[: 4 if ":" in a else 2],
            )
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_port_0_gets_a_real_port_and_the_url_says_which(bind: Bind) -> None:
    [listener] = bind("127.0.0.1:0")
    port = listener.sock.getsockname()[1]
    assert port > 0
    assert (listener.url, listener.scheme) == (f"http://127.0.0.1:{port}", "http")
    assert listener.unix_file is None
    assert answers(listener)


def test_sockets_do_not_block_and_are_not_inherited_by_other_programs(bind: Bind) -> None:
    [listener] = bind("127.0.0.1:0")
    assert not listener.sock.getblocking()
    assert not listener.sock.get_inheritable()
    assert listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def test_several_addresses_are_all_opened_and_the_same_one_only_once(bind: Bind, tmp_path: Path) -> None:
    found = bind("127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0", f"unix:{tmp_path}/s")
    assert [listener.url.rpartition(":")[0] for listener in found] == ["http://127.0.0.1", "http://127.0.0.2", "unix"]
    assert all(answers(listener) for listener in found[:2])


def test_tls_changes_the_scheme_of_every_address(bind: Bind, tmp_path: Path) -> None:
    tcp, unix = bind("127.0.0.1:0", f"unix:{tmp_path}/s", certfile="x.pem")
    assert tcp.url.startswith("https://127.0.0.1:")
    assert unix.url == f"unix:{tmp_path}/s"
    assert tcp.scheme == unix.scheme == "https"


@needs_ipv6
def test_ipv6_has_brackets_and_does_not_take_ipv4(bind: Bind) -> None:
    [listener] = bind("[::1]:0")
    port = listener.sock.getsockname()[1]
    assert listener.url == f"http://[::1]:{port}"
    assert listener.sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    assert answers(listener)


@needs_ipv6
def test_the_ipv6_wildcard_takes_ipv4_too(bind: Bind) -> None:
    [listener] = bind("[::]:0")
    port = listener.sock.getsockname()[1]
    assert answers(listener, ("127.0.0.1", port))
    assert answers(listener, ("::1", port))


@needs_ipv6
def test_both_wildcards_share_a_port_without_a_quarrel(bind: Bind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    four, six = bind(f"0.0.0.0:{port}", f"[::]:{port}")
    assert answers(four, ("127.0.0.1", port))
    assert answers(six, ("::1", port))


@needs_ipv6
def test_a_name_is_opened_on_all_its_addresses_with_one_port(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hosts(monkeypatch, "127.0.0.1", "::1", "127.0.0.1")
    four, six = bind("localhost:0")
    assert four.sock.getsockname()[1] == six.sock.getsockname()[1]
    assert {four.sock.family, six.sock.family} == {socket.AF_INET, socket.AF_INET6}


def test_localhost_is_known(bind: Bind) -> None:
    assert "127.0.0.1" in {listener.sock.getsockname()[0] for listener in bind("localhost:0")}


def test_addresses_of_a_name_that_this_machine_lacks_are_skipped(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hosts(monkeypatch, "192.0.2.1", "127.0.0.1")
    [listener] = bind("somewhere:0")
    assert listener.url.startswith("http://127.0.0.1:")


def test_a_free_port_that_is_taken_on_another_address_is_given_back(
    bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hosts(monkeypatch, "127.0.0.1", "127.0.0.2")
    real, taken = sockets._bind_tcp, []

    def once_taken(family: socket.AddressFamily, name: tuple[str, int], *rest: object) -> socket.socket:
        if name[0] == "127.0.0.2" and not taken:
            taken.append(socket.create_server(name))
        return real(family, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sockets, "_bind_tcp", once_taken)
    first, second = bind("both:0")
    assert first.sock.getsockname()[1] == second.sock.getsockname()[1] != taken[0].getsockname()[1]
    taken[0].close()


def test_when_no_port_is_free_everywhere_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> list[socket.socket]:
        raise sockets._PortTaken

    monkeypatch.setattr(sockets, "_bind_everywhere", never)
    assert (
        failure("localhost:0") == "no port is free on every address of localhost; give one with --bind localhost:PORT"
    )


def test_reuse_port_lets_two_servers_share(bind: Bind) -> None:
    [first] = bind("127.0.0.1:0", reuse_port=True)
    [second] = bind(first.url.removeprefix("http://"), reuse_port=True)
    assert second.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    assert first.url == second.url


# -- Again: after a reload, in a successor


def test_an_address_that_is_open_already_is_not_opened_again(bind: Bind, tmp_path: Path) -> None:
    before = bind("127.0.0.1:0", f"unix:{tmp_path}/s")
    config = Config(bind=(f"unix:{tmp_path}/s", "127.0.0.2:0", "127.0.0.1:0"), certfile="x.pem", backlog=5)
    now = bind_all(config, before)
    assert [now[0].sock, now[2].sock] == [before[1].sock, before[0].sock]
    assert now[0].unix_file == before[1].unix_file
    assert now[2].url == before[0].url.replace("http:", "https:")
    assert {listener.scheme for listener in now} == {"https"}
    assert sockets.left_over(before, now) == []
    assert answers(now[2])
    close_all(now[1:2])


def test_what_is_no_longer_wanted_is_left_over(bind: Bind) -> None:
    before = bind("127.0.0.1:0", "127.0.0.2:0")
    now = bind_all(Config(bind=("127.0.0.2:0",)), before)
    assert sockets.left_over(before, now) == before[:1]


def test_all_addresses_of_a_name_are_kept(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hosts(monkeypatch, "127.0.0.1", "127.0.0.2")
    before = bind("both:0")
    assert [listener.address for listener in before] == ["both:0", "both:0"]
    assert sockets.left_over(before, bind_all(Config(bind=("both:0",)), before)) == []


def test_a_new_address_that_cannot_be_opened_leaves_the_old_ones_alone(bind: Bind) -> None:
    [old] = bind("127.0.0.1:0")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        where = f"127.0.0.2:{taken.getsockname()[1]}"
        with pytest.raises(BindError):
            bind_all(Config(bind=("127.0.0.1:0", where)), [old])
    assert answers(old)


def test_a_unix_socket_whose_file_was_removed_is_made_again(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "s"
    [old] = bind(f"unix:{path}")
    path.unlink()
    [new] = bind_all(Config(bind=(f"unix:{path}",)), [old])
    assert new.sock is not old.sock
    assert answers(new, str(path))
    close_all([old])
    assert path.exists()  # it is the new one's
    close_all([new])
    assert not path.exists()


def test_a_unix_socket_that_stays_gets_the_permissions_of_now(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "s"
    before = bind(f"unix:{path}")
    bind_all(Config(bind=(f"unix:{path}",), unix_mode="600"), before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_files_stay_where_another_server_listens_on_them(bind: Bind, tmp_path: Path) -> None:
    [listener] = bind(f"unix:{tmp_path}/s")
    close_all([listener], keep_files=True)
    assert (tmp_path / "s").exists()


# -- The end


def lets_in(address: Any) -> bool:
    """Whether the kernel lets a client connect at once."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with socket.socket(family) as client:
        client.setblocking(False)
        client.connect_ex(address)
        return bool(select.select([], [client], [], 0.05)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing happens")
@pytest.mark.parametrize("address", ["127.0.0.1:0", pytest.param("[::1]:0", marks=needs_ipv6)])
def test_at_the_end_nobody_connects_any_more_and_who_has_can_be_accepted(bind: Bind, address: str) -> None:
    [listener] = bind(address)
    with socket.create_connection(listener.sock.getsockname()[:2]) as early:
        early.sendall(b"hello")
        let_nobody_knock([listener])
        assert not lets_in(listener.sock.getsockname())
        early.sendall(b", I was here first")
        with listener.sock.accept()[0] as accepted:
            accepted.settimeout(10)
            assert accepted.recv(100).startswith(b"hello")
        with pytest.raises(BlockingIOError):
            listener.sock.accept()


def test_sockets_that_somebody_else_goes_on_with_take_connections_for_ever(bind: Bind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        borrowed = adopt(os.dup(theirs.fileno()), f"fd://{theirs.fileno()}", Config())
        [unix] = bind(f"unix:{tmp_path}/s")
        let_nobody_knock([borrowed, unix])
        assert lets_in(theirs.getsockname())
        assert lets_in(f"{tmp_path}/s")
        close_all([borrowed])


# -- What goes wrong


def test_a_port_in_use_is_one_line_that_names_the_holder(bind: Bind) -> None:
    [listener] = bind("127.0.0.1:0")
    where = listener.url.removeprefix("http://")
    message = failure(where)
    assert message.startswith(f"address {where} is already in use")
    assert message.endswith("; stop the other server or choose another port with --bind")
    if os.path.isdir("/proc/self/fd"):
        assert f"(pid {os.getpid()})" in message


def test_what_was_opened_before_a_failure_is_closed_again(bind: Bind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = tmp_path / "s"
        failure(f"unix:{path}", f"127.0.0.1:{taken.getsockname()[1]}")
        assert not path.exists()


def test_an_address_of_another_machine_is_one_line() -> None:
    assert failure("192.0.2.1:8000") == (
        "address 192.0.2.1:8000 is not one of this machine's; 0.0.0.0 stands for all it has"
    )


def test_an_unknown_host_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert failure("no-such-host:8000") == (
        "host 'no-such-host' cannot be resolved (Name or service not known); bind to an address of this machine,"
        " or to 0.0.0.0 for all of them"
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(13, "permission denied for address 127.0.0.1:80; ports below 1024"), (105, "cannot be listened on: No buffer")],
)
def test_other_refusals_are_one_line(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sockets, "_bind_tcp", refuse)
    assert words in failure("127.0.0.1:80")


# -- Inherited descriptors


def test_an_inherited_listening_socket_is_taken_over(bind: Bind) -> None:
    given = socket.create_server(("127.0.0.1", 0))
    given.set_inheritable(True)
    port = given.getsockname()[1]
    [listener] = bind(f"fd://{given.detach()}")
    assert listener.url == f"http://127.0.0.1:{port}"
    assert listener.sock.family == socket.AF_INET
    assert not listener.sock.get_inheritable()
    assert answers(listener)


def test_an_inherited_unix_socket_is_known_as_one_and_its_file_is_not_ours(bind: Bind, tmp_path: Path) -> None:
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(tmp_path / "s"))
    given.listen()
    [listener] = bind(f"fd://{given.detach()}")
    assert (listener.sock.family, listener.url, listener.unix_file) == (socket.AF_UNIX, f"unix:{tmp_path}/s", None)
    close_all([listener])
    assert (tmp_path / "s").exists()


def test_an_inherited_socket_that_is_only_bound_is_made_to_listen(bind: Bind) -> None:
    given = socket.socket()
    given.bind(("127.0.0.1", 0))
    [listener] = bind(f"fd://{given.detach()}")
    assert answers(listener)


def test_a_descriptor_that_is_not_open_or_no_socket_is_named(tmp_path: Path) -> None:
    with open(tmp_path / "f", "w") as file:
        assert failure(f"fd://{file.fileno()}").startswith(f"fd://{file.fileno()} is not a socket; pass a listening")
    assert "fd://987654 cannot be used (Bad file descriptor)" in failure("fd://987654")


def test_a_socket_that_cannot_listen_is_named_and_left_alone() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert "not a TCP or unix stream socket" in failure(f"fd://{udp.fileno()}")
        assert udp.fileno() >= 0
        udp.getsockname()
    with socket.socket() as unbound:
        assert "is not a listening socket (it is not bound" in failure(f"fd://{unbound.fileno()}")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connected:
        assert "is not a listening socket (Invalid argument)" in failure(f"fd://{connected.fileno()}")
