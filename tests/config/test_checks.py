from __future__ import annotations

from typing import Any

import pytest

from bicorn.config.checks import advice
from bicorn.config.settings import Config
from bicorn.errors import ConfigError, TLSConfigError

CERTIFICATE = {"certfile": "a.pem"}


def make(settings: dict[str, Any]) -> Config:
    return Config(**settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("keyfile_password", "x"), ("ca_certs", "a"), ("cert_reqs", 2), ("ciphers", "HIGH"), ("tls_min_version", "1.3")],
)
def test_what_was_asked_to_be_tls_is_never_plain_text(name: str, value: object) -> None:
    with pytest.raises(
        TLSConfigError, match=f"^{name} is given without certfile: nothing would be encrypted$"
    ) as error:
        make({name: value})
    assert error.value.setting == name
    assert "hunter2" not in repr(error.value.value)


def test_naming_a_tls_version_asks_for_tls_even_if_it_is_the_default() -> None:
    with pytest.raises(TLSConfigError, match=r"^tls_min_version .*\(from --tls-min-version\)$"):
        Config(tls_min_version="1.2", origins={"tls_min_version": "--tls-min-version"})


def test_an_explicit_none_asks_for_nothing() -> None:
    assert not Config(cert_reqs=0, ca_certs="", origins={"cert_reqs": "gunicorn.conf.py", "ca_certs": "x"}).tls


def test_the_password_is_not_in_the_error() -> None:
    with pytest.raises(TLSConfigError) as error:
        Config(keyfile_password="hunter2")
    assert error.value.value is None


@pytest.mark.parametrize(
    ("certfile", "keyfile", "message"),
    [
        ("", "k", "keyfile is given without certfile"),
        ("a,b", "k", r"2 certfile need as many keyfile or none, in the same order \(got 1\)"),
        ("a", "k,l", r"1 certfile need as many keyfile or none, in the same order \(got 2\)"),
    ],
)
def test_certificates_and_keys_pair_up(certfile: str, keyfile: str, message: str) -> None:
    with pytest.raises(TLSConfigError, match=f"^{message}$"):
        make({"certfile": certfile, "keyfile": keyfile})


@pytest.mark.parametrize("settings", [{"certfile": "a"}, {"certfile": "a,b"}, {"certfile": "a,b", "keyfile": "c,d"}])
def test_certificates_and_keys_that_pair_up(settings: dict[str, Any]) -> None:
    assert make(settings).tls


def test_client_certificates_need_an_authority_and_the_authority_a_decision() -> None:
    with pytest.raises(TLSConfigError, match=r"^cert_reqs needs ca_certs"):
        make({**CERTIFICATE, "cert_reqs": "required"})
    with pytest.raises(TLSConfigError, match=r"^ca_certs needs cert_reqs"):
        make({**CERTIFICATE, "ca_certs": "ca.pem"})
    assert make({**CERTIFICATE, "ca_certs": "ca.pem", "cert_reqs": 1}).cert_reqs == 1
    explicit = make({**CERTIFICATE, "ca_certs": "ca.pem", "cert_reqs": 0, "origins": {"cert_reqs": "--cert-reqs"}})
    assert advice(explicit) == ["ca_certs has no effect: cert_reqs is none, so no client certificate is asked for"]


def test_a_context_of_ones_own_decides_for_itself() -> None:
    config = make({"ssl_context": "tls:make", "cert_reqs": 2, "ciphers": "HIGH"})
    assert config.tls
    assert advice(config) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mounts": "/a=x,/b=y,/a/=z"}, "two applications are mounted under '/a'"),
        ({"bind": ["a:1", "b:1", "a:1"]}, "a:1 is given twice"),
        ({"bind": ["unix:/run/a", "unix:///run/a"]}, "unix:/run/a is given twice"),
        ({"bind": []}, "bind is empty: there is nothing to listen on"),
        (
            {"lifespan": "on", "interface": "wsgi"},
            r"lifespan is on, but WSGI applications \(interface wsgi\) have none",
        ),
        ({"control_socket": "/run/a", "pidfile": "/run/a"}, "control_socket and pidfile are both '/run/a'"),
        ({"control_socket": "/run/a", "bind": "unix:/run/a"}, "control_socket '/run/a' is what bind listens on.*"),
    ],
)
def test_contradictions(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$") as error:
        make(settings)
    assert error.value.setting in settings


def test_users_and_groups_exist_and_numbers_are_taken_at_their_word() -> None:
    assert make({"user": "root", "group": "root"}).user == "root"
    assert make({"user": "54321", "group": "54321"}).group == "54321"
    for name in ("user", "group"):
        with pytest.raises(ConfigError, match=f"^{name} 'nobody-here' is not a {name} of this machine$"):
            make({name: "nobody-here"})


def test_two_free_ports_are_two_ports() -> None:
    assert len(make({"bind": ["a:0", "a:0"]}).bind) == 2


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({"threads": 4, "interface": "asgi3"}, ["threads=4 has no effect"]),
        ({"threads": 4, "interface": "auto"}, []),
        ({"threads": 4, "interface": "wsgi"}, []),
        ({"unix_mode": "600"}, ["unix_mode (from keyword) has no effect"]),
        ({"unix_user": "a", "unix_group": "b"}, ["unix_user (from keyword)", "unix_group (from keyword)"]),
        ({"unix_mode": 0, "bind": "unix:a"}, []),
        ({"max_requests_jitter": 5}, ["max_requests_jitter (from keyword) has no effect without max_requests"]),
        ({"max_requests_jitter": 5, "max_requests": 1}, []),
        ({"max_requests_jitter": 0}, []),
        ({"reload_dirs": "a"}, ["reload_dirs (from keyword) has no effect without reload"]),
        ({"reload_dirs": "a", "reload": True, "preload": True}, []),
        ({"initgroups": True}, ["initgroups (from keyword) has no effect without user"]),
        ({"initgroups": True, "user": "0"}, []),
        ({"request_timeout": 60}, ["timeout=30 is shorter than request_timeout=60: a WSGI request"]),
        ({"request_timeout": 60, "threads": 2}, []),
        ({"request_timeout": 60, "interface": "asgi3"}, []),
        ({"request_timeout": 60, "timeout": 0}, []),
        ({"request_timeout": 20}, []),
        ({"boot_timeout": 20}, ["boot_timeout=20 ends a start before lifespan_startup_timeout=60"]),
        ({"lifespan_startup_timeout": 400}, ["boot_timeout=300 ends a start before lifespan_startup_timeout=400"]),
        ({"boot_timeout": 0}, []),
        ({"daemon": True}, ["daemon: once it serves, the server has no standard error"]),
        ({"daemon": True, "error_logfile": "site.log"}, []),
        ({}, []),
    ],
)
def test_advice(settings: dict[str, Any], start: list[str]) -> None:
    notices = advice(make(settings))
    assert [notice.startswith(text) for notice, text in zip(notices, start, strict=True)] == [True] * len(start)
