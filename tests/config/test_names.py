from __future__ import annotations

from typing import Any

import pytest

from bicorn.config.dialects import GUNICORN_BY_NAME, UVICORN_BY_NAME
from bicorn.config.given import Given
from bicorn.config.gunicorn_names import HOOKS
from bicorn.config.names import Dialect, translate
from bicorn.errors import ConfigError


def one(name: str, value: Any, dialect: Dialect | None = None) -> dict[str, Any]:
    translation = translate([Given(name, value, "--it")], dialect)
    assert translation.notices == []
    return {name: item.value for name, item in translation.settings.items()}


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("workers", "2", {"workers": "2"}),
        ("host", "a", {"host": "a"}),
        ("worker_connections", 5, {"limit_connections": 5}),
        ("keepalive", 0, {"limit_requests_per_connection": 1}),
        ("accesslog", "-", {"access_logfile": "-"}),
        ("ssl_certfile", "a", {"certfile": "a"}),
        ("timeout_graceful_shutdown", 5, {"graceful_timeout": 5}),
        ("h11_max_incomplete_event_size", 5, {"limit_request_head": 5}),
        ("wsgi_app", "a:b", {"app": "a:b"}),
        ("certfile", None, {"certfile": None}),
        ("log_level", 10, {"log_level": 10}),
        ("http", "h11", {}),
        ("reset_contextvars", True, {}),
        ("limit_max_requests", 7, {"max_requests": 7}),
        ("preload_app", True, {"preload": True}),
        ("spew", "false", {}),
        ("header_map", "refuse", {}),
        ("protocol", "http", {}),
        ("ssl_version", 17, {}),
        ("ssl_version", "TLSv1_2", {}),
        ("on_dirty_starting", None, {}),
    ],
)
def test_ours_and_theirs(name: str, value: object, result: dict[str, object]) -> None:
    assert one(name, value) == result


def test_a_dialect_is_taken_at_its_word() -> None:
    assert one("log_level", 10, UVICORN_BY_NAME) == {"log_level": "debug"}
    assert one("certfile", None, GUNICORN_BY_NAME) == {}, "None is Gunicorn's way to say nothing"
    assert one("user", 1000, GUNICORN_BY_NAME) == {"user": "1000"}


@pytest.mark.parametrize(
    ("name", "value", "start"),
    [
        ("spew", True, "--it is ignored: use sys.settrace"),
        ("dirty_post_fork", print, "--it is ignored: there are no dirty workers"),
        ("statsd_host", "a:1", "--it is ignored: metrics"),
        ("sendfile", False, "--it is ignored: files are sent"),
        ("http_protocols", "h2,h1", "--it is ignored: HTTP/2"),
        ("proxy_headers", True, "--it is ignored: no proxy is trusted"),
        ("forwarded_allow_ips", "*", "--it is ignored: no proxy is trusted"),
        ("logconfig_dict", {"version": 1}, "--it is ignored: Bicorn's log"),
    ],
)
def test_ignored_with_a_notice(name: str, value: object, start: str) -> None:
    translation = translate([Given(name, value, "--it")])
    assert translation.settings == {}
    assert [notice.startswith(start) for notice in translation.notices] == [True]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ssl_version", 3, "TLS 1.2 and 1.3 are served"),
        ("ssl_version", "PROTOCOL_TLSv1", "TLS 1.2 and 1.3 are served"),
        ("proxy_protocol", "auto", "PROXY protocol"),
        ("proxy_protocol", True, "PROXY protocol"),
        ("header_map", "dangerous", "underscore"),
        ("permit_obsolete_folding", True, "smuggling"),
        ("strip_header_spaces", "true", "smuggling"),
        ("protocol", "uwsgi", "only HTTP"),
        ("dirty_workers", 2, "dirty"),
        ("paste", "site.ini", "PasteDeploy"),
    ],
)
def test_refused_with_a_reason(name: str, value: object, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        translate([Given(name, value, "gunicorn.conf.py", f"gunicorn.conf.py: {name}")])
    assert str(error.value).startswith(f"gunicorn.conf.py: {name} cannot be used: ")
    assert reason in str(error.value)
    assert (error.value.setting, error.value.origin) == (name, "gunicorn.conf.py")


def test_a_function_for_the_ssl_context_is_refused_in_a_file() -> None:
    with pytest.raises(ConfigError, match="--ssl-context"):
        translate([Given("ssl_context", lambda *_: None, "gunicorn.conf.py")], GUNICORN_BY_NAME)


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_settings(name: str) -> None:
    assert one(name, print, GUNICORN_BY_NAME) == {name: print}


def test_two_names_of_one_setting() -> None:
    same = [Given("certfile", "a", "--certfile"), Given("ssl_certfile", "a", "--ssl-certfile")]
    assert translate(same).settings["certfile"].value == "a"
    with pytest.raises(ConfigError, match=r"^--certfile and --ssl-certfile are the same setting, give one of them$"):
        translate([same[0], Given("ssl_certfile", "b", "--ssl-certfile")])
