"""A staff with a real selector, and processes that do not exist."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.process import spawn, status, template
from bicorn.process.reread import Edition, Editions
from bicorn.process.sight import Sight
from bicorn.process.staff import Staff
from bicorn.process.template import Template

KILLED = signal.SIGKILL


class Shop:
    """The staff, and what its processes would be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.selector = selectors.DefaultSelector()
        self.sight = Sight()
        editions = Editions(Edition(1, Config(app="main:app", **settings), []))
        self.staff = Staff(self.selector, editions, self.sight, -1, lambda: None, lambda: None)
        self.tells: dict[int, int] = {}
        self.pids = 100
        self.far: socket.socket | None = None
        monkeypatch.setattr(spawn, "fork", self.fork)
        monkeypatch.setattr(template, "start", self.start)
        monkeypatch.setattr(os, "pidfd_open", self.no_handle, raising=False)

    def no_handle(self, _: int) -> int:
        raise OSError

    def fork(self, _: object) -> tuple[int, int]:
        self.pids += 1
        reader, self.tells[self.pids] = os.pipe()
        os.set_blocking(reader, False)
        return self.pids, reader

    def start(self, generation: int, now: float, _: object, *, has_libraries: bool) -> Template:
        ours, self.far = socket.socketpair()
        ours.setblocking(False)
        return Template(generation, 50, ours, now, has_libraries=has_libraries)

    def heard(self) -> list[Any]:
        """What the processes have said."""
        return [event for key, _ in self.selector.select(0) for event in key.data()]

    def say(self, *fields: str) -> list[Any]:
        assert self.far is not None
        self.far.sendall(status.line(*fields))
        return self.heard()

    def end(self, pid: int, wait_status: int) -> list[Any]:
        return self.staff.children._ended.pop(pid)(wait_status)

    def ordered(self) -> list[str]:
        """What the template was asked for; its ends of the pipes are kept, by the worker's number."""
        assert self.far is not None
        data, ends, _, _ = socket.recv_fds(self.far, 4096, 16)
        fields = status.fields(data.rstrip(b"\n"))
        if ends:
            self.tells[int(fields[1])] = ends[0]
            os.close(ends[1])
        return fields

    def close(self) -> None:
        for tell in self.tells.values():
            os.close(tell)
        for child in self.staff._workers.values():
            child.close()
            self.staff._dumps.close(child.number)
        self.staff.templates.forget()
        if self.far is not None:
            self.far.close()
        self.selector.close()
