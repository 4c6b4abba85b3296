from __future__ import annotations

from typing import Any

import pytest

from bicorn.config.cmdargs import parse
from bicorn.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", {}),
        ("-w 4", {"workers": "4"}),
        ("-w4", {"workers": "4"}),
        ("-w=4", {"workers": "4"}),
        ("--workers=4 --threads 2", {"workers": "4", "threads": "2"}),
        ("--workers 4 --workers 5", {"workers": "5"}),
        ("-b a:1 --bind b:2", {"bind": ["a:1", "b:2"]}),
        ("--access-logformat '%(h)s %(r)s'", {"access_log_format": "%(h)s %(r)s"}),
        ("--reload -D", {"reload": True, "daemon": True}),
        ("--no-sendfile", {"sendfile": False}),
        ("--no-control-socket", {"control_socket_disable": True}),
        ("--proxy-protocol", {"proxy_protocol": "auto"}),
        ("--proxy-protocol=v2", {"proxy_protocol": "v2"}),
        ("app:app - --workers 2", {"workers": "2"}),
        ("--log-file -", {"errorlog": "-"}),
    ],
)
def test_options(text: str, result: dict[str, Any]) -> None:
    assert {item.name: item.value for item in parse(text)} == result


def test_they_know_where_they_are_from() -> None:
    [item] = parse("-w 4")
    assert (item.origin, item.called) == ("GUNICORN_CMD_ARGS", "GUNICORN_CMD_ARGS: -w")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("--worker 4", "Gunicorn has no option --worker; did you mean --workers?"),
        ("-z", "Gunicorn has no option -z"),
        ("--qqqqqqqqqqqqqq", "Gunicorn has no option --qqqqqqqqqqqqqq"),
        ("--workers", "--workers needs a value"),
        ("'", "cannot be split into words"),
    ],
)
def test_errors(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert str(error.value).startswith("GUNICORN_CMD_ARGS: ")
    assert problem in str(error.value)
