"""Every exception Bicorn raises, each with the exit code or the HTTP status it leads to.

::

    BicornError
    ├── ConfigError             exit 2   a setting is wrong: name, value, where it came from
    │   └── TLSConfigError      exit 2   a certificate, key or TLS option that cannot be used
    ├── BindError               exit 1   an address that cannot be listened on
    ├── DoctorError             exit 2   what the doctor cannot read or reach
    ├── AppError                exit 3   the application cannot be started
    │   ├── AppNotFound         exit 4   no such module or attribute
    │   └── AppBootError        exit 3   its import, factory or lifespan failed
    ├── ProtocolError           4xx/5xx  the peer broke HTTP; the connection closes
    ├── WebSocketError                the peer broke WebSocket, or a limit; its close code
    └── AppProtocolError        500      the application broke ASGI or WSGI
    OSError
    └── ClientDisconnected               ``send()`` after the client has gone (ASGI HTTP spec 2.4)

Exit codes 3 and 4 are Gunicorn's ("worker failed to boot", "app failed to load").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable


class BicornError(Exception):
    """Base of every error Bicorn raises on purpose.

    ``str(error)`` is a complete message for a person: what happened, to what, and what to do.
    """

    exit_code = 1


class ConfigError(BicornError):
    """A setting that cannot be used.

    Args:
        message: what is wrong and what to do about it.
        setting: the setting's name, for example ``"workers"``.
        value: the refused value, as it was given.
        origin: where it came from, for example ``"--workers"``, ``"BICORN_WORKERS"`` or ``"bicorn.toml"``.
    """

    exit_code = 2

    def __init__(self, message: str, *, setting: str = "", value: object = None, origin: str = "") -> None:
        super().__init__(message)
        self.setting = setting
        self.value = value
        self.origin = origin


class TLSConfigError(ConfigError):
    """A certificate, a key or a TLS option that cannot be used; the server never starts without it."""


class BindError(BicornError):
    """An address that cannot be listened on."""

    exit_code = 1


class DoctorError(BicornError):
    """Something could not be examined: a file that cannot be read, an index that does not answer or makes no sense."""

    exit_code = 2


class AppError(BicornError):
    """The application cannot be started."""

    exit_code = 3


class AppNotFound(AppError):
    """The module or the attribute that should be the application does not exist, or is not callable."""

    exit_code = 4


class AppBootError(AppError):
    """The application exists, but its import, its factory or its lifespan start-up failed.

    Attributes:
        explain: what is asked first for words on a failure of the user's code; the commands set it, for what knows most
            (the doctor) is a layer above. None or an empty answer means that the traceback is shown.
    """

    exit_code = 3
    explain: ClassVar[Callable[[BaseException], str] | None] = None


class ProtocolError(BicornError):
    """The peer broke the protocol, or went over a limit.

    Args:
        status: the HTTP status code of the answer, 400 to 599.
        reason: one sentence for the response body and the log.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class WebSocketError(BicornError):
    """The peer broke the WebSocket protocol, or went over a limit; the connection closes.

    Args:
        code: the close code that says so (RFC 6455 §7.4.1).
        reason: short text for the close frame and the log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class AppProtocolError(BicornError, RuntimeError):
    """The application broke ASGI or WSGI; the message names its mistake."""


class ClientDisconnected(OSError):
    """The client has gone: raised by ASGI's ``send()`` (HTTP spec 2.4) and by WSGI's ``write()``."""

    def __init__(self, message: str = "the client has disconnected") -> None:
        super().__init__(message)
