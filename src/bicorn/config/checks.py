"""Rules that span settings.

A rule is a function that gives the setting to blame and the problem, or None. :func:`check` runs when a ``Config`` is
made and raises the first problem; :func:`advice` is for what can be served but is probably not what was meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigError, TLSConfigError

if TYPE_CHECKING:
    from .settings import Config

Problem = tuple[str, str] | None
"""The setting to blame, and what is wrong with it."""

_DETAILS = {
    "max_requests": ("max_requests_jitter",),
    "reload": ("reload_dirs", "reload_includes", "reload_excludes", "reload_extra_files"),
    "user": ("initgroups",),
}
_NEED_CERTIFICATE = ("keyfile", "keyfile_password", "ca_certs", "cert_reqs", "ciphers", "tls_min_version")


def check(config: Config) -> None:
    """Raises ConfigError for the first rule that does not hold; TLSConfigError where it is about TLS."""
    for rules, error in ((_TLS_RULES, TLSConfigError), (_RULES, ConfigError)):
        for rule in rules:
            if problem := rule(config):
                name, message = problem
                value = None if name == "keyfile_password" else getattr(config, name)
                origin = config.origin(name)
                source = "" if origin in ("default", "keyword") else f" (from {origin})"
                raise error(message + source, setting=name, value=value, origin=origin)


def advice(config: Config) -> list[str]:
    """Notices about settings that have no effect as things are."""
    notices = []
    if config.threads > 1 and config.interface.startswith("asgi"):
        notices.append(f"threads={config.threads} has no effect: ASGI applications run on the event loop")
    if not any(address.startswith("unix:") for address in config.bind):
        notices += [
            f"{name} (from {config.origin(name)}) has no effect: no unix socket is listened on"
            for name in ("unix_mode", "unix_user", "unix_group")
            if getattr(config, name) is not None
        ]
    if config.ca_certs and not config.cert_reqs and not config.ssl_context:
        notices.append("ca_certs has no effect: cert_reqs is none, so no client certificate is asked for")
    if config.daemon and config.error_logfile == "-":
        notices.append("daemon: once it serves, the server has no standard error; give error_logfile to see its log")
    return [*notices, *_without_the_other(config), *_overtaken(config)]


def _without_the_other(config: Config) -> list[str]:
    """Settings that only say how, where another says whether."""
    return [
        f"{name} (from {config.origin(name)}) has no effect without {other}"
        for other, names in _DETAILS.items()
        if not getattr(config, other)
        for name in names
        if getattr(config, name) and config.origin(name) != "default"
    ]


def _overtaken(config: Config) -> list[str]:
    """Times that are never reached, because another ends first."""
    notices = []
    inline = config.threads == 1 and not config.interface.startswith("asgi")
    if inline and 0 < config.timeout < config.request_timeout:
        notices.append(
            f"timeout={config.timeout:g} is shorter than request_timeout={config.request_timeout:g}: a WSGI request in"
            " the worker itself (threads=1) is ended by timeout, and its worker with it"
        )
    if config.boot_timeout and config.boot_timeout < config.lifespan_startup_timeout:
        for name in ("boot_timeout", "lifespan_startup_timeout"):
            if config.origin(name) != "default":
                notices.append(
                    f"boot_timeout={config.boot_timeout:g} ends a start before"
                    f" lifespan_startup_timeout={config.lifespan_startup_timeout:g} does"
                )
                break
    return notices


def tls_needs_a_certificate(config: Config) -> Problem:
    """What was asked to be TLS is never served in plain text."""
    if config.tls:
        return None
    for name in _NEED_CERTIFICATE:
        # Naming a TLS version asks for TLS, whichever it is; of the others, an explicit "none" asks for nothing.
        asked = config.origin(name) != "default" if name == "tls_min_version" else getattr(config, name)
        if asked:
            return name, f"{name} is given without certfile: nothing would be encrypted"
    return None


def certificates_and_keys_pair_up(config: Config) -> Problem:
    """Either every certificate has its key in a file of its own, or none has."""
    certificates, keys = len(config.certfile), len(config.keyfile)
    if keys and not certificates:
        return "keyfile", "keyfile is given without certfile"
    if keys not in (0, certificates):
        return "keyfile", f"{certificates} certfile need as many keyfile or none, in the same order (got {keys})"
    return None


def client_certificates_need_an_authority(config: Config) -> Problem:
    """Asking for certificates that nobody can check, or naming an authority and not asking, is a mistake."""
    if config.ssl_context:
        return None  # the function decides
    if config.cert_reqs and not config.ca_certs:
        return "cert_reqs", "cert_reqs needs ca_certs, the authorities that sign client certificates"
    if config.ca_certs and config.origin("cert_reqs") == "default":
        return "ca_certs", "ca_certs needs cert_reqs: say whether client certificates are required, optional or none"
    return None


def mounts_differ(config: Config) -> Problem:
    """One path leads to one application."""
    prefix = _repeated([prefix for prefix, _ in config.mount_points])
    return ("mounts", f"two applications are mounted under {prefix!r}") if prefix else None


def addresses_differ(config: Config) -> Problem:
    """The second socket on one address could not be bound."""
    if not config.bind:
        return "bind", "bind is empty: there is nothing to listen on"
    address = _repeated([address for address in config.bind if not address.endswith(":0")])
    return ("bind", f"{address} is given twice") if address else None


def lifespan_needs_asgi(config: Config) -> Problem:
    """WSGI has no start-up and shutdown events."""
    if config.lifespan == "on" and config.interface == "wsgi":
        return "lifespan", "lifespan is on, but WSGI applications (interface wsgi) have none"
    return None


def users_and_groups_exist(config: Config) -> Problem:
    """Better now than in every worker. A number is taken at its word: a container may have no names for it."""
    if config.user and not config.user.isdigit():
        import pwd

        try:
            pwd.getpwnam(config.user)
        except KeyError:
            return "user", f"user {config.user!r} is not a user of this machine"
    if config.group and not config.group.isdigit():
        import grp

        try:
            grp.getgrnam(config.group)
        except KeyError:
            return "group", f"group {config.group!r} is not a group of this machine"
    return None


def files_differ(config: Config) -> Problem:
    """One path is one thing."""
    if not config.control_socket:
        return None
    if config.control_socket == config.pidfile:
        return "control_socket", f"control_socket and pidfile are both {config.pidfile!r}"
    if f"unix:{config.control_socket}" in config.bind:
        return "control_socket", f"control_socket {config.control_socket!r} is what bind listens on for clients"
    return None


def _repeated(items: list[str]) -> str:
    return next((item for item, times in Counter(items).items() if times > 1), "")


_TLS_RULES: tuple[Callable[[Config], Problem], ...] = (
    certificates_and_keys_pair_up,
    tls_needs_a_certificate,
    client_certificates_need_an_authority,
)
_RULES: tuple[Callable[[Config], Problem], ...] = (
    mounts_differ,
    addresses_differ,
    lifespan_needs_asgi,
    users_and_groups_exist,
    files_differ,
)
