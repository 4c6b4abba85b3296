"""The table against Uvicorn's own list of options, written down here from Uvicorn 0.54."""

from __future__ import annotations

import logging

import pytest

from bicorn.config.dialects import GUNICORN_BY_NAME, UVICORN_BY_NAME
from bicorn.config.gunicorn_names import GUNICORN
from bicorn.config.old_name import Fate, OldName
from bicorn.config.settings import OPTIONS
from bicorn.config.shorthands import SHORTHANDS
from bicorn.config.uvicorn_names import UVICORN, number_or_name

FLAGS = """
    --host --port --uds --fd --reload --reload-dir --reload-include --reload-exclude --reload-delay --workers --loop
    --http --http2 --ws --ws-max-size --ws-max-queue --ws-ping-interval --ws-ping-timeout --ws-per-message-deflate
    --lifespan --interface --env-file --log-config --log-level --access-log --use-colors --proxy-headers --server-header
    --date-header --forwarded-allow-ips --root-path --limit-concurrency --backlog --limit-max-requests
    --limit-max-requests-jitter --timeout-keep-alive --timeout-graceful-shutdown --timeout-worker-healthcheck
    --ssl-keyfile --ssl-certfile --ssl-keyfile-password --ssl-version --ssl-cert-reqs --ssl-ca-certs --ssl-ciphers
    --header --app-dir --h11-max-incomplete-event-size --reset-contextvars --factory
""".split()  # noqa: SIM905 - read as a table


def test_every_flag_has_one_row() -> None:
    assert sorted(flag for row in UVICORN for flag in row.flags) == sorted(FLAGS)
    assert len(UVICORN) == len(UVICORN_BY_NAME)


@pytest.mark.parametrize("row", UVICORN, ids=lambda row: row.name)
def test_every_row_leads_somewhere(row: OldName) -> None:
    if row.fate is Fate.BECOMES:
        assert row.to in OPTIONS or row.to in SHORTHANDS
    else:
        assert row.why
    expected = {"reload_dir": "reload_dirs", "reload_include": "reload_includes", "reload_exclude": "reload_excludes"}
    for flag in row.flags:
        name = flag[2:].replace("-", "_")
        assert row.name == {**expected, "header": "headers"}.get(name, name), "UVICORN_<NAME> is derived from it"


def test_names_of_both_agree() -> None:
    for name in GUNICORN_BY_NAME.keys() & UVICORN_BY_NAME.keys():
        assert GUNICORN_BY_NAME[name].fate is UVICORN_BY_NAME[name].fate, name
        assert GUNICORN_BY_NAME[name].to == UVICORN_BY_NAME[name].to, name


def test_flags_of_both_agree() -> None:
    by_flag = {flag: row for row in GUNICORN for flag in row.flags}
    for row in UVICORN:
        for flag in row.flags:
            if flag in by_flag:
                assert (by_flag[flag].fate, by_flag[flag].to) == (row.fate, row.to), flag


@pytest.mark.parametrize(("level", "name"), [(logging.DEBUG, "debug"), (5, "trace"), ("info", "info"), (7, 7)])
def test_log_levels_by_number(level: object, name: object) -> None:
    assert number_or_name(level) == {"log_level": name}
