"""Proof 0: the harness finds failures. Everything else here rests on it.

A server that breaks some answers on purpose, counting them; Gunicorn, whose reload makes clients wait for the import;
and a server that is killed.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Iterator

from .client import Address
from .load import Seen, under_load
from .report import Row
from .sites import Site
from .started import Ground, folder, serving, wait_for

NAME = "harness"
TITLE = "The harness finds failures"

_GOOD = b'{"pid": 1, "version": "v1"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_GOOD), _GOOD)


class BadServer:
    """Answers well, but one request in a hundred not: silence and a close, half an answer, a reset or a 503."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.broken = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            while data := sock.recv(4096):
                with self._lock:
                    turn = random.randrange(4) if random.random() < 0.01 else -1
                    self.broken += turn >= 0
                if not self._answer(sock, turn, b"close" in data):
                    break
        except OSError:
            pass
        sock.close()

    def _answer(self, sock: socket.socket, turn: int, last: bool) -> bool:
        """Whether the connection stays open."""
        if turn == 0:
            return False
        if turn == 1:
            sock.sendall(_ANSWER[:-5])
            return False
        if turn == 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        sock.sendall(_ANSWER if turn < 0 else _ANSWER.replace(b"200 OK", b"503 No"))
        return not last


def prove(ground: Ground) -> Iterator[Row]:
    yield _broken_answers()
    if ground.wants("gunicorn-gthread"):
        yield _import_is_waited_for(ground)
        yield _killed_server(ground)


def _broken_answers() -> Row:
    server = BadServer()
    with under_load(Address("tcp", server.listener.getsockname()[1]), connections=8, pause=0.002) as seen:
        wait_for(lambda: False, 3.0)
    server.listener.close()
    # What was on its way when the clients stopped may have been counted on one side only.
    close = 0.9 * server.broken <= seen.failed <= server.broken
    return _row("one request in a hundred is broken", seen, f"{server.broken} broken",
                server.broken > 20 and close and bool(seen.tally.failures) and len(seen.wrk_failed) >= 2)  # fmt: skip


def _import_is_waited_for(ground: Ground) -> Row:
    with folder() as home:
        site = Site(home, "flask", 5.0)
        with serving(ground, "gunicorn-gthread", site) as started, under_load(started.address) as seen:
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            version = site.write()
            started.hup()
            wait_for(lambda: seen.tally.versions[version] > 20, 30.0)
    return _row("Gunicorn, HUP, 5 s import", seen, "waits over 2 s", seen.stalled)


def _killed_server(ground: Ground) -> Row:
    with folder() as home:
        site = Site(home, "flask")
        with serving(ground, "gunicorn-gthread", site) as started, under_load(started.address) as seen:
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            os.killpg(started.pid, signal.SIGKILL)
            wait_for(lambda: len(seen.tally.failures) > 20, 10.0)
    return _row("all processes killed", seen, "resets, refusals",
                {"reset", "refused"} <= seen.tally.why().keys() and sum(seen.wrk_failed.values()) > 50)  # fmt: skip


def _row(case: str, seen: Seen, expected: str, found: bool) -> Row:
    facts = {"to be found": expected, "failed": f"{seen.failed} ({seen.why()})", "longest": f"{seen.longest:.2f} s"}
    return Row(NAME, "harness", case, facts, () if found else ("not found",))
