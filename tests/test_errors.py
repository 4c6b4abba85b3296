from __future__ import annotations

import inspect
import re

import pytest

from bicorn import errors
from bicorn.errors import (
    AppBootError,
    AppNotFound,
    BicornError,
    BindError,
    ClientDisconnected,
    ConfigError,
    DoctorError,
    ProtocolError,
    TLSConfigError,
    WebSocketError,
)

CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {
        name for name in re.findall(r"\b[A-Z]\w+\b", (errors.__doc__ or "").split("Exit codes")[0]) if name in CLASSES
    }
    assert drawn == set(CLASSES)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (TLSConfigError, 2),
        (BindError, 1),
        (DoctorError, 2),
        (AppBootError, 3),
        (AppNotFound, 4),
        (BicornError, 1),
    ],
)
def test_exit_codes(error: type[BicornError], code: int) -> None:
    assert error("what happened").exit_code == code


def test_a_configuration_error_knows_its_setting() -> None:
    error = ConfigError("workers must be at least 1", setting="workers", value="0", origin="--workers")
    assert (str(error), error.setting, error.value, error.origin) == (
        "workers must be at least 1", "workers", "0", "--workers",
    )  # fmt: skip


def test_a_protocol_error_knows_its_status() -> None:
    error = ProtocolError(431, "the head is over 65536 bytes")
    assert (error.status, error.reason, str(error)) == (431, "the head is over 65536 bytes", error.reason)


def test_a_client_that_left_is_an_os_error() -> None:
    # ASGI HTTP spec 2.4: send() raises a subclass of OSError.
    assert issubclass(ClientDisconnected, OSError)
    assert not issubclass(ClientDisconnected, BicornError)


def test_a_websocket_error_knows_its_close_code() -> None:
    error = WebSocketError(1009, "the message is over 10 bytes")
    assert (error.code, error.reason, str(error)) == (1009, "the message is over 10 bytes", error.reason)
