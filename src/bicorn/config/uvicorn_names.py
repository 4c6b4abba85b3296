"""Every setting of Uvicorn (0.54) and what became of it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gunicorn_names import NO_HTTP2, NO_PROXIES, OWN_LOG
from .old_name import OldName, Takes, becomes, ignored, moot, refused

FLAG, BARE, MANY = Takes.FLAG, Takes.BARE, Takes.MANY


def number_or_name(value: Any) -> Mapping[str, Any]:
    """``uvicorn.run(log_level=...)`` takes the numbers of the logging module too."""
    levels = {50: "critical", 40: "error", 30: "warning", 20: "info", 10: "debug", 5: "trace"}
    return {"log_level": levels.get(value, value)}


UVICORN: tuple[OldName, ...] = (
    becomes("app"),
    becomes("host --host"),
    becomes("port --port"),
    becomes("uds --uds"),
    becomes("fd --fd"),
    becomes("reload --reload", takes=FLAG),
    becomes("reload_dirs --reload-dir", takes=MANY),
    becomes("reload_includes --reload-include", takes=MANY),
    becomes("reload_excludes --reload-exclude", takes=MANY),
    moot("reload_delay --reload-delay", "changes are seen at once, and those of one moment together"),
    becomes("workers --workers"),
    becomes("loop --loop", why="none means asyncio, zuvloop means auto"),
    moot("http --http", "Bicorn has one HTTP implementation"),
    ignored("http2 --http2", NO_HTTP2, takes=FLAG),
    becomes("ws --ws", why="Bicorn has one implementation; the libraries' names mean auto"),
    becomes("ws_max_size --ws-max-size"),
    becomes("ws_max_queue --ws-max-queue"),
    becomes("ws_ping_interval --ws-ping-interval", why="only clients that are silent for so long are sent one"),
    becomes("ws_ping_timeout --ws-ping-timeout"),
    becomes("ws_per_message_deflate --ws-per-message-deflate"),
    becomes("lifespan --lifespan"),
    becomes("interface --interface"),
    becomes("env_file --env-file"),
    ignored("log_config --log-config", OWN_LOG),
    becomes("log_level --log-level", turn=number_or_name),
    becomes("access_log --access-log", takes=FLAG),
    becomes("use_colors --use-colors", takes=FLAG),
    ignored("proxy_headers --proxy-headers", NO_PROXIES, takes=FLAG),
    ignored("forwarded_allow_ips --forwarded-allow-ips", NO_PROXIES, nothing="127.0.0.1,::1 127.0.0.1"),
    becomes("server_header --server-header", takes=FLAG),
    becomes("date_header --date-header", takes=FLAG),
    becomes("headers --header", takes=MANY),
    becomes("root_path --root-path"),
    becomes("limit_concurrency --limit-concurrency", why="counts requests, not connections"),
    becomes("limit_max_requests --limit-max-requests", "max_requests"),
    becomes("limit_max_requests_jitter --limit-max-requests-jitter", "max_requests_jitter"),
    becomes("backlog --backlog"),
    becomes("timeout_keep_alive --timeout-keep-alive", why="0 means no limit here"),
    becomes(
        "timeout_graceful_shutdown --timeout-graceful-shutdown", "graceful_timeout", "30 unless given, not endless"
    ),
    becomes("timeout_worker_healthcheck --timeout-worker-healthcheck", "timeout"),
    becomes("ssl_keyfile --ssl-keyfile", "keyfile"),
    becomes("ssl_certfile --ssl-certfile", "certfile"),
    becomes("ssl_keyfile_password --ssl-keyfile-password", "keyfile_password"),
    refused(
        "ssl_version --ssl-version",
        "TLS 1.2 and 1.3 are served; leave it out, or say --tls-min-version",
        nothing="2 5 16 17",
    ),
    becomes("ssl_cert_reqs --ssl-cert-reqs", "cert_reqs"),
    becomes("ssl_ca_certs --ssl-ca-certs", "ca_certs"),
    becomes("ssl_ciphers --ssl-ciphers", "ciphers"),
    refused(
        "ssl_context_factory",
        "put the function into a module of its own and name it: ssl_context='MODULE:FUNCTION'",
        nothing="",
    ),
    becomes("app_dir --app-dir"),
    becomes("factory --factory", takes=FLAG),
    becomes("h11_max_incomplete_event_size --h11-max-incomplete-event-size", "limit_request_head"),
    moot("reset_contextvars --reset-contextvars", "each request has a context of its own", takes=FLAG),
    moot("timeout_notify", "callback_notify is not called"),
    ignored("callback_notify", "it is not called: start a task in the application's lifespan"),
)
