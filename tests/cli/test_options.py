from __future__ import annotations

from typing import Any

import click
import pytest

from bicorn.cli.options import Command, given
from bicorn.config.gunicorn_names import GUNICORN
from bicorn.config.old_name import Takes
from bicorn.config.settings import OPTIONS
from bicorn.config.shorthands import SHORTHANDS
from bicorn.config.uvicorn_names import UVICORN
from bicorn.config.values import Flag

ORDERS = [click.Option(["--check-config"], is_flag=True), click.Option(["--print-config"], is_flag=True)]


def typed(*arguments: str) -> list[tuple[str, Any, str]]:
    found: list[tuple[str, Any, str]] = []

    @click.pass_context
    def run(ctx: click.Context, /, **_: object) -> None:
        found.extend((item.name, item.value, item.origin) for item in given(ctx))

    Command("test", run, "", ORDERS).main(list(arguments), standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("", []),
        ("main:app", [("app", "main:app", "command line")]),
        ("main:app --workers 4", [("app", "main:app", "command line"), ("workers", "4", "--workers")]),
        ("-w 4", [("workers", "4", "-w")]),
        ("-w4", [("workers", "4", "-w")]),
        ("--workers=4", [("workers", "4", "--workers")]),
        ("-b a:1 --bind b:2", [("bind", ("a:1", "b:2"), "-b")]),
        ("--ssl-certfile a", [("certfile", ("a",), "--ssl-certfile")]),
        ("--access-log", [("access_log", True, "--access-log")]),
        ("--no-access-log", [("access_log", False, "--no-access-log")]),
        ("--factory --no-factory", [("factory", False, "--factory")]),
        ("-k sync", [("worker_class", "sync", "-k")]),
        ("-D", [("daemon", True, "-D")]),
        ("--no-sendfile", [("sendfile", False, "--no-sendfile")]),
        ("--no-control-socket", [("control_socket_disable", True, "--no-control-socket")]),
        ("--proxy-protocol", [("proxy_protocol", "auto", "--proxy-protocol")]),
        ("--proxy-protocol=v1", [("proxy_protocol", "v1", "--proxy-protocol")]),
        ("--keep-alive 5 -m 007", [("keepalive", "5", "--keep-alive"), ("umask", "007", "-m")]),
        ("--ws-per-message-deflate false", [("ws_per_message_deflate", "false", "--ws-per-message-deflate")]),
        ("-e A=b -e C=d", [("raw_env", ("A=b", "C=d"), "-e")]),
        ("--port 1 -- -odd", [("port", "1", "--port"), ("app", "-odd", "command line")]),
        ("--check-config --print-config", []),
    ],
)
def test_what_was_typed(line: str, result: list[tuple[str, Any, str]]) -> None:
    assert sorted(typed(*line.split())) == sorted(result)


def examples() -> list[tuple[str, bool]]:
    """Every flag there is, and whether a value follows it."""
    ours = [
        (flag, not isinstance(option.kind, Flag))
        for option in (*SHORTHANDS.values(), *OPTIONS.values())
        for flag in option.flags
    ]
    bare = (Takes.FLAG, Takes.BARE)
    old = [(flag, row.takes not in bare) for row in (*GUNICORN, *UVICORN) for flag in row.flags]
    return sorted({*ours, *old} - {("--app", True)})


@pytest.mark.parametrize(("flag", "value"), examples())
def test_every_flag_of_the_three_servers_is_understood(flag: str, value: bool) -> None:
    found = typed(flag, "1") if value else typed(flag)
    assert [origin for _, _, origin in found] in ([flag], [])
    assert found or flag in ("--check-config", "--print-config")


@pytest.mark.parametrize("option", [option for option in OPTIONS.values() if isinstance(option.kind, Flag)])
def test_switches_have_both_forms(option: Any) -> None:
    flag = option.flags[-1]
    assert typed(flag) == [(option.name, True, flag)]
    off = "--no-" + flag[2:]
    assert typed(off) == [(option.name, False, off)]


@pytest.mark.parametrize("line", ["--worker 4", "a b", "--workers", "-z"])
def test_errors_are_clicks(line: str) -> None:
    with pytest.raises(click.UsageError):
        typed(*line.split())


@pytest.mark.parametrize("flag", ["-h", "--help", "--help-all"])
def test_help_is_shown_and_nothing_run(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("main:app", flag) == []
    assert capsys.readouterr().out.startswith("Usage: bicorn")
