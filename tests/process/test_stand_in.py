from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.process.stand_in import stand_in
from bicorn.server.listener import Listener


@pytest.fixture
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    sock = socket.socket(socket.AF_UNIX if request.param == "unix" else socket.AF_INET)
    sock.bind(str(tmp_path / "s") if request.param == "unix" else (request.param, 0))
    with sock:
        yield Listener(sock, "http://somewhere")


@pytest.mark.parametrize("listener", ["unix", "127.0.0.1"], indirect=True)
@pytest.mark.parametrize("is_alone", [True, False])
def test_on_this_machine_a_page_takes_its_place(listener: Listener, is_alone: bool) -> None:
    apps = stand_in(Config(app="main:app"), [listener], 3, "why", is_alone)
    assert apps is not None
    [(prefix, app)] = apps
    assert (prefix, app.name, app.interface) == ("", "main:app", "asgi")


@pytest.mark.parametrize("listener", ["0.0.0.0"], indirect=True)
def test_where_others_connect_it_only_does_if_nothing_else_serves(listener: Listener) -> None:
    assert stand_in(Config(app="main:app"), [listener], 3, "why", False) is None
    apps = stand_in(Config(app="main:app"), [listener], 3, "why", True)
    assert apps is not None
    assert not apps[0][1].call._is_private


@pytest.mark.parametrize("listener", ["127.0.0.1"], indirect=True)
def test_wrong_settings_are_not_mended_by_a_save(listener: Listener) -> None:
    assert stand_in(Config(app="main:app"), [listener], 2, "why", True) is None
