"""Every setting of Gunicorn (27.0) and what became of it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .old_name import OldName, Takes, becomes, ignored, moot, refused

FLAG, BARE, MANY, MAYBE = Takes.FLAG, Takes.BARE, Takes.MANY, Takes.MAYBE

NO_PROXIES = "no proxy is trusted yet: client address and scheme are those of the connection"
NO_HTTP2 = "HTTP/2 is not served yet: clients are offered HTTP/1.1"
NO_METRICS = "metrics are not sent yet"
NO_SYSLOG = "the log goes to files or the terminal"
OWN_LOG = (
    "Bicorn's log has its own format, and the application's loggers are left alone: configure them in the application"
)
NO_DIRTY = "there are no dirty workers, and an application that calls them would fail"
HOOKS = (
    *("on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init", "worker_int"),
    *("worker_abort", "pre_exec", "pre_request", "post_request", "child_exit", "worker_exit"),
    *("nworkers_changed", "on_exit"),
)
DIRTY_HOOKS = ("on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit")
LOOSE_PARSING = "it opens the door to request smuggling"


def keepalive(value: Any) -> Mapping[str, Any]:
    """Gunicorn's 0 closes each connection after its response; here a timeout of 0 would mean to wait for ever."""
    if str(value).strip() in ("0", "0.0"):
        return {"limit_requests_per_connection": 1}
    return {"timeout_keep_alive": value}


def umask(value: Any) -> Mapping[str, Any]:
    """Gunicorn's text is octal after a leading zero and decimal otherwise.

    Its 0 is its default, and opens unix sockets to everybody. It has never had a say in the application's files, which
    must not become writable for everybody by it.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        octal = len(text) > 1 and text[0] == "0" and text[1].isdigit()
        try:
            value = int(text, 8 if octal else 0)
        except ValueError:
            return {"umask": text}  # which umask refuses with its own message
    return {"unix_mode": 0o666} if value == 0 else {"umask": value}


def user(value: Any) -> Mapping[str, Any]:
    """A name, or a number in any form."""
    return {"user": str(value)}


def group(value: Any) -> Mapping[str, Any]:
    """The same."""
    return {"group": str(value)}


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
    becomes("max_requests --max-requests"),
    becomes("max_requests_jitter --max-requests-jitter", why="a tenth of max-requests unless given, not 0"),
    becomes("timeout -t --timeout", why="names the request and the code that hung"),
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
    becomes("websocket_max_message_size --websocket-max-message-size", "ws_max_size"),
    moot("http_parser --http-parser", "Bicorn has one parser"),
    # Security
    becomes("limit_request_line --limit-request-line"),
    becomes("limit_request_fields --limit-request-fields"),
    becomes("limit_request_field_size --limit-request-field_size"),
    # Debugging
    becomes("reload --reload", takes=FLAG),
    becomes("reload_engine --reload-engine", why="inotify means auto"),
    becomes("reload_extra_files --reload-extra-file", takes=MANY),
    ignored("spew --spew", "use sys.settrace or a debugger", takes=FLAG),
    becomes("check_config --check-config", why="also bicorn check", takes=BARE),
    becomes("print_config --print-config", why="also bicorn config", takes=BARE),
    # Server mechanics
    becomes("preload_app --preload", "preload", "HUP loads new code all the same", takes=FLAG),
    ignored("sendfile --sendfile", "files are sent with sendfile wherever it works", takes=FLAG, nothing="true"),
    becomes("reuse_port --reuse-port", takes=FLAG),
    becomes("chdir --chdir"),
    becomes("daemon -D --daemon", takes=FLAG),
    becomes("raw_env -e --env", takes=MANY),
    becomes("pidfile -p --pid"),
    moot("worker_tmp_dir --worker-tmp-dir", "workers prove they are alive without files"),
    becomes("user -u --user", turn=user),
    becomes("group -g --group", turn=group),
    becomes(
        "umask -m --umask",
        why="octal on the command line; 0 in a file only opens unix sockets (--unix-mode 666)",
        turn=umask,
    ),
    becomes("initgroups --initgroups", takes=FLAG),
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
    becomes("proc_name -n --name"),
    moot("default_proc_name", "the processes are called bicorn"),
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
    becomes("control_socket --control-socket"),
    moot("control_socket_mode --control-socket-mode", "only the user who runs the server may use it"),
    moot("control_socket_disable --no-control-socket", "there is none unless one is asked for", takes=BARE),
    # Hooks
    *map(becomes, HOOKS),
    *(ignored(name, "there are no dirty workers") for name in DIRTY_HOOKS),
    refused(
        "ssl_context",
        "put the function into a module of its own and name it: BICORN_SSL_CONTEXT=MODULE:FUNCTION or --ssl-context",
        nothing="",
    ),
)
