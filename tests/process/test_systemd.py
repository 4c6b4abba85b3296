"""systemd is a datagram socket here, and descriptors that this process has opened itself."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.errors import BindError
from bicorn.process import systemd
from bicorn.process.sockets import bind_all, close_all
from bicorn.process.systemd import Notifier, listen_fds

Heard = Callable[[], list[str]]
Activation = tuple[list[socket.socket], list[int]]


# -- What it passes


def passed(count: int = 2, names: str | None = None, pid: int | None = None) -> dict[str, str]:
    handed = {"LISTEN_FDS": str(count), "LISTEN_PID": str(os.getpid() if pid is None else pid)}
    return handed if names is None else handed | {"LISTEN_FDNAMES": names}


@pytest.mark.parametrize(
    ("handed", "expected"),
    [
        ({}, []),
        (passed(), [(3, ""), (4, "")]),
        (passed(names="web:admin"), [(3, "web"), (4, "admin")]),
        (passed(names="web"), [(3, "web"), (4, "")]),
        (passed(1, names="web:too:many"), [(3, "web")]),
        (passed(0), []),
        (passed(pid=1), []),  # systemd's own, or of a shell between us
        ({"LISTEN_FDS": "2"}, []),
        ({"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())}, []),
    ],
)
def test_which_descriptors_were_passed(handed: dict[str, str], expected: list[tuple[int, str]]) -> None:
    assert listen_fds(handed) == expected


def duplicates(*socks: socket.socket) -> list[int]:
    """Descriptors as a process finds them: inheritable, and nobody's objects."""
    fds = [os.dup(sock.fileno()) for sock in socks]
    for fd in fds:
        os.set_inheritable(fd, True)
    return fds


@pytest.fixture
def activation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Activation]:
    """A TCP socket called web and a unix socket without a name, and the descriptors that were passed."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    fds = duplicates(tcp, unix)
    monkeypatch.setattr(systemd, "listen_fds", lambda handed: list(zip(fds, ("web", ""), strict=True)))
    yield [tcp, unix], fds
    tcp.close()
    unix.close()
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass


def test_passed_sockets_take_the_place_of_bind(
    activation: Activation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tcp, _), fds = activation
    config = Config()
    found = systemd.listeners({}, config)
    try:
        port = tcp.getsockname()[1]
        assert [listener.url for listener in found] == [f"http://127.0.0.1:{port}", f"unix:{tmp_path}/s"]
        assert [listener.address for listener in found] == ["systemd:web", f"systemd:{fds[1]}"]
        assert [listener.unix_file for listener in found] == [None, None]  # the file is systemd's
        assert not any(os.get_inheritable(fd) for fd in fds)
        bound = bind_all(config, found)
        assert [listener.sock for listener in bound] == [listener.sock for listener in found]
        assert caplog.text == ""
    finally:
        close_all(found)
    assert (tmp_path / "s").exists()


def test_a_bind_that_is_not_used_is_mentioned(activation: Activation, caplog: pytest.LogCaptureFixture) -> None:
    config = Config(bind=("127.0.0.1:8001",), origins={"bind": "gunicorn.conf.py"})
    with caplog.at_level(logging.WARNING, "bicorn.error"):
        close_all(systemd.listeners({}, config))
    assert [record.getMessage() for record in caplog.records] == [
        "bind (from gunicorn.conf.py) is not used: systemd has passed the sockets to listen on (bind fd://3 to choose)"
    ]


def test_a_wrapper_that_has_kept_the_sockets_is_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bicorn.error"):
        assert systemd.listeners(passed(pid=1), Config()) == []
        assert systemd.listeners(passed(pid=os.getppid()), Config()) == []
    assert [record.getMessage() for record in caplog.records] == [
        "the sockets of systemd are not used: it has passed them to the process that started this one"
        f" ({os.getppid()}), a shell or a wrapper; let that one use exec"
    ]


def test_descriptors_that_are_bound_by_number_are_chosen_so(activation: Activation) -> None:
    _, fds = activation
    config = Config(bind=(f"fd://{fds[0]}",))
    assert systemd.listeners({}, config) == []
    assert not any(os.get_inheritable(fd) for fd in fds)
    [listener] = bind_all(config)
    assert listener.address == f"fd://{fds[0]}"
    listener.sock.close()


def test_something_else_than_a_socket_is_named(activation: Activation, monkeypatch: pytest.MonkeyPatch) -> None:
    _, fds = activation
    reader, writer = os.pipe()
    monkeypatch.setattr(systemd, "listen_fds", lambda handed: [(fds[0], "web"), (reader, "store")])
    with pytest.raises(BindError, match=rf"^fd://{reader} \(systemd:store\) is not a socket"):
        systemd.listeners({}, Config())
    os.close(reader)
    os.close(writer)


# -- What it is told


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "path":
        return str(tmp_path / "notify")
    if not os.path.isdir("/proc/self"):
        pytest.skip("abstract sockets are Linux's")
    return f"@bicorn-test-{os.getpid()}"


@pytest.fixture
def heard(address: str) -> Iterator[Heard]:
    """Everything that was said since the last time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + address[1:] if address.startswith("@") else address)
        sock.setblocking(False)

        def heard() -> list[str]:
            said = []
            while True:
                try:
                    said.append(sock.recv(4096).decode())
                except BlockingIOError:
                    return said

        yield heard


@pytest.fixture
def notifier(address: str, heard: Heard) -> Iterator[Notifier]:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    yield notifier
    notifier.close()


def test_every_message(notifier: Notifier, heard: Heard) -> None:
    notifier.ready("Serving: 1 worker")
    notifier.status("Serving: 1 worker")  # the same is not said again
    notifier.status("Serving: 2 workers")
    notifier.watchdog()
    notifier.stopping("Stopping")
    notifier.hand_over(4321)
    assert heard() == [
        f"READY=1\nMAINPID={os.getpid()}\nSTATUS=Serving: 1 worker",
        "STATUS=Serving: 2 workers",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=Stopping",
        "MAINPID=4321\nSTATUS=Handed over to a new server",
    ]


def facts(heard: Heard) -> list[str]:
    """What was said, without what changes from run to run."""
    return [text.partition("\nMONOTONIC")[0].replace(f"\nMAINPID={os.getpid()}", "") for text in heard()]


def test_a_life(notifier: Notifier, heard: Heard) -> None:
    assert notifier.deadline() is None
    notifier.follow(0.0, ready=0, wanted=2)
    assert facts(heard) == []  # before the first worker is ready there is nothing to say
    notifier.follow(1.0, ready=1, wanted=2)
    notifier.follow(1.5, ready=2, wanted=2)
    notifier.follow(2.0, ready=2, wanted=2)
    assert facts(heard) == [
        "READY=1\nSTATUS=Serving, 1 worker of 2",
        "STATUS=Serving, 2 workers",
    ]
    notifier.follow(3.0, ready=2, wanted=2, reloading=True)
    notifier.follow(3.5, ready=3, wanted=2, reloading=True)
    notifier.follow(4.0, ready=2, wanted=2)
    assert facts(heard) == [
        "RELOADING=1",
        "STATUS=Reloading, 3 workers serving",
        "READY=1\nSTATUS=Serving, 2 workers",
    ]
    notifier.follow(5.0, ready=1, wanted=2, running=False)
    notifier.follow(6.0, ready=0, wanted=2, running=False)
    assert facts(heard) == ["STOPPING=1\nSTATUS=Stopping, 1 worker left"]


def test_a_server_that_stops_before_it_served_says_so(notifier: Notifier, heard: Heard) -> None:
    notifier.follow(0.0, ready=0, wanted=2, running=False)
    assert facts(heard) == ["STOPPING=1\nSTATUS=Stopping"]


def test_after_it_has_handed_over_it_says_nothing_more(notifier: Notifier, heard: Heard) -> None:
    notifier.follow(0.0, ready=1, wanted=1)
    notifier.hand_over(4321)
    heard()
    notifier.follow(1.0, ready=1, wanted=1, running=False)
    assert heard() == []


def test_the_watchdog_is_fed_while_workers_are_healthy(address: str, heard: Heard) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"})

    def fed(now: float, **facts: Any) -> bool:
        notifier.follow(now, wanted=2, **facts)
        return "WATCHDOG=1" in heard()

    assert not fed(0.0, ready=0)  # systemd does not watch before READY
    assert notifier.deadline() is None
    assert fed(1.0, ready=2)
    assert notifier.deadline() == 6.0
    assert not fed(5.9, ready=2)
    assert fed(6.0, ready=1)
    assert not fed(20.0, ready=0)  # every worker is stuck, or none boots: systemd may restart the service
    assert notifier.deadline() == 25.0
    assert fed(25.0, ready=0, idle=True)
    assert fed(30.0, ready=2, reloading=True)
    assert fed(40.0, ready=0, running=False)
    notifier.close()


def test_a_reload_says_when_it_began(notifier: Notifier, heard: Heard) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    [text] = heard()
    word, _, moment = text.partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before <= int(moment) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_worker_says_nothing(notifier: Notifier, heard: Heard) -> None:
    notifier.close()
    notifier.close()
    notifier.ready()
    assert heard() == []


@pytest.mark.parametrize("handed", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_nobody_listens_nothing_is_done(handed: dict[str, str]) -> None:
    notifier = Notifier.from_environment(handed)
    assert notifier.interval is None
    notifier.ready()
    notifier.stopping()
    notifier.close()


def test_a_systemd_that_has_gone_is_mentioned_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "notify")
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": path})
    with caplog.at_level(logging.WARNING, "bicorn.error"):
        notifier.watchdog()
        notifier.watchdog()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(path)
            notifier.watchdog()  # and tried again each time
            assert sock.recv(100) == b"WATCHDOG=1"
    assert [record.getMessage() for record in caplog.records] == [
        "systemd cannot be told how the server is: No such file or directory"
    ]
    notifier.close()


@pytest.mark.parametrize(
    ("handed", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_must(handed: dict[str, str], interval: float | None) -> None:
    notifier = Notifier.from_environment(handed | {"NOTIFY_SOCKET": "@bicorn-test"})
    assert notifier.interval == interval
    notifier.close()
