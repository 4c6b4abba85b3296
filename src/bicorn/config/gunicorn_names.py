"""Every setting of Gunicorn (27.0) and what became of it here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .old_name import OldName, Takes, becomes, hook, ignored, moot, refused

FLAG, BARE, MANY, MAYBE = Takes.FLAG, Takes.BARE, Takes.MANY, Takes.MAYBE

NO_PROXIES = "no proxy is trusted yet: client address and scheme are those of the connection"
NO_HTTP2 = "HTTP/2 is not served yet: clients are offered HTTP/1.1"
NO_WEBSOCKETS = "WebSockets are not served yet"
NO_METRICS = "metrics are not sent yet"
NO_SYSLOG = "the log goes to files or the terminal"
OWN_LOG = (
    "Bicorn's log has its own format, and the application's loggers are left alone: configure them in the application"
)
NO_RELOAD = "workers are not restarted when files change yet"
NO_DIRTY = "there are no dirty workers, and an application that calls them would fail"
LOOSE_PARSING = "it opens the door to request smuggling"


def keepalive(value: Any) -> Mapping[str, Any]:
    """Gunicorn's 0 closes each connection after its response; here a timeout of 0 would mean to wait for ever."""
    if str(value).strip() in ("0", "0.0"):
        return {"limit_requests_per_connection": 1}
    return {"timeout_keep_alive": value}


def umask(value: Any) -> Mapping[str, Any]:
    """What Gunicorn's umask decides is the permissions of unix sockets: 0o777 less the mask.

    Its text is octal after a leading zero and decimal otherwise.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        octal = len(text) > 1 and text[0] == "0" and text[1].isdigit()
        try:
            value = int(text, 8 if octal else 0)
        except ValueError:
            return {"unix_mode": text}  # which unix_mode refuses with its own message
    return {"unix_mode": 0o777 & ~value}


def is_this_user(value: Any) -> bool:
    """Whether the process already runs as that user, so that there are no privileges to drop."""
    import pwd

    try:
        number = int(value) if isinstance(value, int) or str(value).isdigit() else pwd.getpwnam(str(value)).pw_uid
    except KeyError:
        return False
    return number == os.geteuid()


def is_this_group(value: Any) -> bool:
    """Whether the process already runs as that group."""
    import grp

    try:
        number = int(value) if isinstance(value, int) or str(value).isdigit() else grp.getgrnam(str(value)).gr_gid
    except KeyError:
        return False
    return number == os.getegid()


GUNICORN: tuple[OldName, ...] = (
    # Config file, server socket
    becomes("config -c --config", why="bicorn.toml, or a gunicorn.conf.py as it is"),
    becomes("wsgi_app", "app"),
    becomes("bind -b --bind", takes=MANY),
    becomes("backlog --backlog"),
    # Worker processes
    becomes("workers -w --workers"),
    becomes("worker_class -k --worker-class", why="see the worker classes below"),
    becomes("threads --threads"),
    becomes("worker_connections --worker-connections", "limit_connections"),
    ignored("max_requests --max-requests", "workers are not recycled yet"),
    ignored("max_requests_jitter --max-requests-jitter", "workers are not recycled yet"),
    ignored("timeout -t --timeout", "silent workers are not replaced yet"),
    becomes("graceful_timeout --graceful-timeout"),
    becomes(
        "keepalive --keep-alive",
        "timeout_keep_alive",
        "0, which closes each connection after its response, becomes --limit-requests-per-connection 1",
        turn=keepalive,
    ),
    becomes("asgi_loop --asgi-loop", "loop"),
    becomes("asgi_lifespan --asgi-lifespan", "lifespan"),
    ignored(
        "asgi_disconnect_grace_period --asgi-disconnect-grace-period",
        "an application whose client has gone is told so, and is not cancelled",
        nothing="3",
    ),
    ignored("websocket_max_message_size --websocket-max-message-size", NO_WEBSOCKETS, nothing="16777216"),
    moot("http_parser --http-parser", "Bicorn has one parser"),
    # Security
    becomes("limit_request_line --limit-request-line"),
    becomes("limit_request_fields --limit-request-fields"),
    becomes("limit_request_field_size --limit-request-field_size"),
    # Debugging
    ignored("reload --reload", NO_RELOAD, takes=FLAG),
    ignored("reload_engine --reload-engine", NO_RELOAD, nothing="auto"),
    ignored("reload_extra_files --reload-extra-file", NO_RELOAD, takes=MANY),
    ignored("spew --spew", "use sys.settrace or a debugger", takes=FLAG),
    becomes("check_config --check-config", why="also bicorn check", takes=BARE),
    becomes("print_config --print-config", why="also bicorn config", takes=BARE),
    # Server mechanics
    ignored("preload_app --preload", "each worker loads the application for itself so far", takes=FLAG),
    ignored("sendfile --sendfile", "files are sent with sendfile wherever it works", takes=FLAG, nothing="true"),
    becomes("reuse_port --reuse-port", takes=FLAG),
    becomes("chdir --chdir"),
    refused(
        "daemon -D --daemon",
        "Bicorn stays in the foreground, so that systemd, a container or a terminal can watch over it",
        takes=FLAG,
    ),
    becomes("raw_env -e --env", takes=MANY),
    ignored("pidfile -p --pid", "no pid file is written yet"),
    moot("worker_tmp_dir --worker-tmp-dir", "workers prove they are alive without files"),
    refused(
        "user -u --user",
        "privileges are not dropped: start Bicorn as that user (systemd: User=)",
        nothing=is_this_user,
    ),
    refused(
        "group -g --group",
        "privileges are not dropped: start Bicorn as that group (systemd: Group=)",
        nothing=is_this_group,
    ),
    becomes("umask -m --umask", "unix_mode", "777 less the mask, as the permissions of unix sockets", turn=umask),
    moot("initgroups --initgroups", "the process keeps the groups it was started with", takes=FLAG),
    moot("tmp_upload_dir", "large bodies go to Python's temporary directory: set TMPDIR"),
    ignored("secure_scheme_headers", NO_PROXIES),
    ignored("forwarded_allow_ips --forwarded-allow-ips", NO_PROXIES, nothing="127.0.0.1,::1 127.0.0.1"),
    becomes("pythonpath --pythonpath"),
    refused("paste --paste --paster", "PasteDeploy files are not read: serve what loads them as MODULE:ATTRIBUTE"),
    refused("raw_paste_global_conf --paste-global", "PasteDeploy files are not read", takes=MANY),
    refused(
        "proxy_protocol --proxy-protocol",
        "the PROXY protocol is not understood yet, so every request of that proxy would be answered 400",
        takes=MAYBE,
    ),
    moot("proxy_allow_ips --proxy-allow-from", "nobody may send the PROXY protocol"),
    refused("protocol --protocol", "only HTTP is served, no uwsgi protocol", nothing="http"),
    moot("uwsgi_allow_ips --uwsgi-allow-from", "nobody may speak the uwsgi protocol"),
    refused("permit_obsolete_folding --permit-obsolete-folding", LOOSE_PARSING, takes=FLAG),
    refused("strip_header_spaces --strip-header-spaces", LOOSE_PARSING, takes=FLAG),
    ignored(
        "permit_unconventional_http_method --permit-unconventional-http-method",
        "every method that RFC 9110 allows is passed on, others are answered 400",
        takes=FLAG,
    ),
    ignored(
        "permit_unconventional_http_version --permit-unconventional-http-version",
        "only HTTP/1.0 and HTTP/1.1 are served",
        takes=FLAG,
    ),
    ignored("casefold_http_method --casefold-http-method", "methods are passed on as they are", takes=FLAG),
    ignored(
        "forwarder_headers --forwarder-headers",
        NO_PROXIES,
        nothing="script_name,path_info",
    ),
    refused(
        "header_map --header-map",
        "fields with an underscore in their name are dropped for WSGI: they could pass for those with a hyphen",
        nothing="drop refuse",
    ),
    becomes("root_path --root-path"),
    # Logging
    becomes("accesslog --access-logfile", "access_logfile"),
    becomes("access_log_format --access-logformat", "access_logformat"),
    becomes("errorlog --error-logfile --log-file", "error_logfile"),
    becomes("loglevel --log-level", "log_level"),
    ignored("capture_output --capture-output", "what the application prints stays where it prints it", takes=FLAG),
    ignored("logger_class --logger-class", OWN_LOG, nothing="gunicorn.glogging.logger"),
    ignored("logconfig --log-config", OWN_LOG),
    ignored("logconfig_dict", OWN_LOG),
    ignored("logconfig_json --log-config-json", OWN_LOG),
    ignored("syslog --log-syslog", NO_SYSLOG, takes=FLAG),
    moot("syslog_addr --log-syslog-to", NO_SYSLOG),
    moot("syslog_prefix --log-syslog-prefix", NO_SYSLOG),
    moot("syslog_facility --log-syslog-facility", NO_SYSLOG),
    moot("disable_redirect_access_to_syslog --disable-redirect-access-to-syslog", NO_SYSLOG, takes=FLAG),
    moot("enable_stdio_inheritance -R --enable-stdio-inheritance", "workers keep the terminal they have", takes=FLAG),
    ignored("statsd_host --statsd-host", NO_METRICS),
    moot("statsd_prefix --statsd-prefix", NO_METRICS),
    moot("dogstatsd_tags --dogstatsd-tags", NO_METRICS),
    ignored("enable_backlog_metric --enable-backlog-metric", NO_METRICS, takes=FLAG),
    # Process naming
    ignored("proc_name -n --name", "processes are not renamed yet"),
    moot("default_proc_name", "processes are not renamed yet"),
    # TLS
    becomes("certfile --certfile"),
    becomes("keyfile --keyfile"),
    becomes("ca_certs --ca-certs"),
    becomes("cert_reqs --cert-reqs"),
    becomes("ciphers --ciphers"),
    refused(
        "ssl_version --ssl-version",
        "TLS 1.2 and 1.3 are served; leave it out, or say --tls-min-version",
        nothing="2 5 16 17 tls tls_server sslv23 tlsv1_2 protocol_tls protocol_tls_server protocol_sslv23 "
        "protocol_tlsv1_2",
    ),
    moot("suppress_ragged_eofs --suppress-ragged-eofs", "a connection that just ends is never an error", takes=FLAG),
    moot("do_handshake_on_connect --do-handshake-on-connect", "the handshake never holds up others", takes=FLAG),
    # HTTP/2
    ignored("http_protocols --http-protocols", NO_HTTP2, nothing="h1"),
    ignored("http2_cleartext --http2-cleartext", NO_HTTP2),
    moot("http2_max_concurrent_streams --http2-max-concurrent-streams", NO_HTTP2),
    moot("http2_initial_window_size --http2-initial-window-size", NO_HTTP2),
    moot("http2_max_frame_size --http2-max-frame-size", NO_HTTP2),
    moot("http2_max_header_list_size --http2-max-header-list-size", NO_HTTP2),
    # Dirty workers
    refused("dirty_apps --dirty-app", NO_DIRTY, takes=MANY),
    refused("dirty_workers --dirty-workers", NO_DIRTY),
    moot("dirty_timeout --dirty-timeout", "there are no dirty workers"),
    moot("dirty_threads --dirty-threads", "there are no dirty workers"),
    moot("dirty_graceful_timeout --dirty-graceful-timeout", "there are no dirty workers"),
    # Control
    ignored("control_socket --control-socket", "there is no control socket"),
    moot("control_socket_mode --control-socket-mode", "there is no control socket"),
    moot("control_socket_disable --no-control-socket", "there is no control socket", takes=BARE),
    # Hooks
    *map(hook, ("on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init", "worker_int")),
    *map(hook, ("worker_abort", "pre_exec", "pre_request", "post_request", "child_exit", "worker_exit")),
    *map(hook, ("nworkers_changed", "on_exit")),
    *map(hook, ("on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit")),
    refused(
        "ssl_context",
        "put the function into a module of its own and name it: BICORN_SSL_CONTEXT=MODULE:FUNCTION or --ssl-context",
        nothing="",
    ),
)
