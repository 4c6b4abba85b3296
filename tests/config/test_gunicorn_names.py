"""The table against Gunicorn's own list of settings, written down here from Gunicorn 27.0.1."""

from __future__ import annotations

from typing import Any

import pytest

from bicorn.config.dialects import GUNICORN_BY_NAME
from bicorn.config.gunicorn_names import GUNICORN, group, keepalive, umask, user
from bicorn.config.old_name import Fate, Takes
from bicorn.config.settings import OPTIONS
from bicorn.config.shorthands import SHORTHANDS

SETTINGS = """
    config wsgi_app bind backlog workers worker_class threads worker_connections max_requests max_requests_jitter
    timeout graceful_timeout keepalive limit_request_line limit_request_fields limit_request_field_size reload
    reload_engine reload_extra_files spew check_config print_config preload_app sendfile reuse_port chdir daemon
    raw_env pidfile worker_tmp_dir user group umask initgroups tmp_upload_dir secure_scheme_headers
    forwarded_allow_ips accesslog disable_redirect_access_to_syslog access_log_format errorlog loglevel
    capture_output logger_class logconfig logconfig_dict logconfig_json syslog_addr syslog syslog_prefix
    syslog_facility enable_stdio_inheritance statsd_host dogstatsd_tags statsd_prefix enable_backlog_metric
    proc_name default_proc_name pythonpath paste on_starting on_reload when_ready pre_fork post_fork
    post_worker_init worker_int worker_abort pre_exec pre_request post_request child_exit worker_exit
    nworkers_changed on_exit ssl_context proxy_protocol proxy_allow_ips protocol uwsgi_allow_ips keyfile certfile
    ssl_version cert_reqs ca_certs suppress_ragged_eofs do_handshake_on_connect ciphers http_protocols
    http2_cleartext http2_max_concurrent_streams http2_initial_window_size http2_max_frame_size
    http2_max_header_list_size raw_paste_global_conf permit_obsolete_folding strip_header_spaces
    permit_unconventional_http_method permit_unconventional_http_version casefold_http_method forwarder_headers
    header_map asgi_loop asgi_lifespan asgi_disconnect_grace_period websocket_max_message_size http_parser root_path
    dirty_apps dirty_workers dirty_timeout dirty_threads dirty_graceful_timeout on_dirty_starting dirty_post_fork
    dirty_worker_init dirty_worker_exit control_socket control_socket_mode control_socket_disable
""".split()  # noqa: SIM905 - read as a table

FLAGS = """
    -c --config -b --bind --backlog -w --workers -k --worker-class --threads --worker-connections --max-requests
    --max-requests-jitter -t --timeout --graceful-timeout --keep-alive --limit-request-line --limit-request-fields
    --limit-request-field_size --reload --reload-engine --reload-extra-file --spew --check-config --print-config
    --preload --reuse-port --chdir -D --daemon -e --env -p --pid --worker-tmp-dir -u --user -g --group
    -m --umask --initgroups --forwarded-allow-ips --access-logfile --disable-redirect-access-to-syslog
    --access-logformat --error-logfile --log-file --log-level --capture-output --logger-class --log-config
    --log-config-json --log-syslog-to --log-syslog --log-syslog-prefix --log-syslog-facility -R
    --enable-stdio-inheritance --statsd-host --dogstatsd-tags --statsd-prefix --enable-backlog-metric -n --name
    --pythonpath --paste --paster --proxy-protocol --proxy-allow-from --protocol --uwsgi-allow-from --keyfile --certfile
    --ssl-version --cert-reqs --ca-certs --suppress-ragged-eofs --do-handshake-on-connect --ciphers --http-protocols
    --http2-cleartext --http2-max-concurrent-streams --http2-initial-window-size --http2-max-frame-size
    --http2-max-header-list-size --paste-global --permit-obsolete-folding --strip-header-spaces
    --permit-unconventional-http-method --permit-unconventional-http-version --casefold-http-method
    --forwarder-headers --header-map --asgi-loop --asgi-lifespan --asgi-disconnect-grace-period
    --websocket-max-message-size --http-parser --root-path --dirty-app --dirty-workers --dirty-timeout --dirty-threads
    --dirty-graceful-timeout --control-socket --control-socket-mode --no-control-socket
""".split()  # noqa: SIM905 - read as a table


def test_every_setting_has_one_row() -> None:
    assert len(GUNICORN) == len(GUNICORN_BY_NAME)
    assert set(GUNICORN_BY_NAME) == set(SETTINGS)


def test_every_flag_has_one_row() -> None:
    # Gunicorn's --no-sendfile is the negative form of the row's --sendfile.
    flags = [flag for row in GUNICORN for flag in row.flags if flag != "--sendfile"]
    assert sorted(flags) == sorted(FLAGS)
    assert GUNICORN_BY_NAME["sendfile"].takes is Takes.FLAG


@pytest.mark.parametrize("row", GUNICORN, ids=lambda row: row.name)
def test_every_row_leads_somewhere(row: Any) -> None:
    if row.fate is Fate.BECOMES and row.takes is not Takes.BARE:
        assert row.to in OPTIONS or row.to in SHORTHANDS
    elif row.fate is not Fate.BECOMES:
        assert row.why
        assert not row.why.endswith("."), "part of a sentence"


@pytest.mark.parametrize("name", ["proxy_protocol", "protocol", "paste", "strip_header_spaces"])
def test_what_would_be_unsafe_to_ignore_is_refused(name: str) -> None:
    assert GUNICORN_BY_NAME[name].fate is Fate.REFUSED


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (5, {"timeout_keep_alive": 5}),
        ("75", {"timeout_keep_alive": "75"}),
        (0, {"limit_requests_per_connection": 1}),
        ("0", {"limit_requests_per_connection": 1}),
    ],
)
def test_keepalive(value: object, result: dict[str, object]) -> None:
    assert keepalive(value) == result


@pytest.mark.parametrize(
    ("value", "mask"), [("007", 0o007), ("0o022", 0o022), ("18", 0o022), (0o022, 0o022), ("0x12", 0o022)]
)  # fmt: skip
def test_umask(value: int | str, mask: int) -> None:
    assert umask(value) == {"umask": mask}


@pytest.mark.parametrize("value", [0, "0", "000"])
def test_gunicorns_default_umask_opens_sockets_and_no_files(value: int | str) -> None:
    assert umask(value) == {"unix_mode": 0o666}


@pytest.mark.parametrize("text", ["x", "09", ""])
def test_a_umask_that_is_none_is_left_to_the_setting_to_refuse(text: str) -> None:
    assert umask(text) == {"umask": text}


def test_users_and_groups_may_be_numbers() -> None:
    assert (user(1000), user("site"), group(0)) == ({"user": "1000"}, {"user": "site"}, {"group": "0"})
