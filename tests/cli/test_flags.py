from __future__ import annotations

from bicorn.cli.flags import aliases, old_flags
from bicorn.cli.options import NOT_SETTINGS
from bicorn.config.gunicorn_names import GUNICORN
from bicorn.config.settings import OPTIONS
from bicorn.config.shorthands import SHORTHANDS
from bicorn.config.uvicorn_names import UVICORN


def test_old_flags_that_mean_a_setting() -> None:
    known = aliases()
    assert known["certfile"] == ["--ssl-certfile"]
    assert known["limit_connections"] == ["--worker-connections"]
    assert known["graceful_timeout"] == ["--timeout-graceful-shutdown"]
    assert known["limit_request_field_size"] == ["--limit-request-field_size"]
    assert known["workers"] == []
    assert "unix_mode" not in known, "the value of --umask has to be converted"


def test_every_old_flag_is_somewhere_and_only_once() -> None:
    ours = [flag for option in (*SHORTHANDS.values(), *OPTIONS.values()) for flag in option.flags]
    also = [flag for flags in aliases().values() for flag in flags]
    old = [flag for _, flags in old_flags() for flag in flags]
    orders = ["--check-config", "--print-config"]
    everything = [*ours, *also, *old, *orders]
    assert sorted(everything) == sorted(set(everything))
    assert {flag for row in (*GUNICORN, *UVICORN) for flag in row.flags} <= set(everything)
    assert NOT_SETTINGS.isdisjoint(row.name for row, _ in old_flags())
