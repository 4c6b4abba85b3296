from __future__ import annotations

from typing import Any

import pytest

from bicorn.config.option import Option, unknown
from bicorn.config.values import Addresses, Many, Text, Whole
from bicorn.errors import ConfigError

WORKERS = Option("workers", 1, "Worker processes.", "Processes", Whole(1), short="-w")


def test_names_are_derived() -> None:
    assert WORKERS.flags == ("-w", "--workers")
    assert WORKERS.env == "BICORN_WORKERS"
    assert Option("raw_env", (), "", "", Text(), flag="--env").flags == ("--env",)
    assert Option("unix_mode", None, "", "", Text()).flags == ("--unix-mode",)


def test_an_error_says_what_where_and_what_instead() -> None:
    with pytest.raises(ConfigError) as error:
        WORKERS.convert("x", "WEB_CONCURRENCY")
    assert str(error.value) == "workers must be a whole number of 1 or more (got 'x' from WEB_CONCURRENCY)"
    assert (error.value.setting, error.value.value, error.value.origin) == ("workers", "x", "WEB_CONCURRENCY")
    assert error.value.exit_code == 2


def test_an_error_gives_the_detail_that_the_kind_knows() -> None:
    with pytest.raises(ConfigError, match=r"^keys must be files: one of them is empty \(got 'a,'\)$"):
        Option("keys", (), "", "", Many("FILE", "files")).convert("a,")


def test_a_type_that_does_not_fit_is_an_error_like_any_other() -> None:
    class Odd(Text):
        def convert(self, value: Any) -> str:
            return str(value + "")

    with pytest.raises(ConfigError, match=r"^odd must be text \(got 1\)$"):
        Option("odd", None, "", "", Odd()).convert(1)


def test_a_wrong_address_is_told_with_its_origin() -> None:
    with pytest.raises(ConfigError, match=r"^bind must be HOST:PORT, .*\(got 'a:b' from --bind\)$"):
        Option("bind", (), "", "", Addresses()).convert(["a:b"], "--bind")


def test_secrets_are_not_shown() -> None:
    with pytest.raises(ConfigError) as error:
        Option("password", None, "", "", Text(), secret=True).convert("hunter2\0")
    assert "hunter2" not in str(error.value)
    assert error.value.value is None


@pytest.mark.parametrize(
    ("default", "more", "text"),
    [
        (None, {}, ""),
        ("", {"unset": "here"}, "here"),
        ("", {}, ""),
        ((), {}, ""),
        (("a", "b"), {}, "a, b"),
        (True, {}, "on"),
        (False, {}, "off"),
        (0, {}, "0"),
        (0, {"zero": "unlimited"}, "0, unlimited"),
        (1024**3, {}, "1g"),
        (8190, {}, "8190"),
        (30.0, {}, "30"),
        (0.5, {}, "0.5"),
        ("auto", {}, "auto"),
    ],
)
def test_defaults_read_well(default: object, more: dict[str, str], text: str) -> None:
    assert Option("name", default, "", "", Text(), **more).default_text == text  # type: ignore[arg-type]


def test_unknown_names_give_the_nearest() -> None:
    assert str(unknown("wokers", ["workers", "threads"])) == "there is no setting 'wokers'; did you mean 'workers'?"
    assert str(unknown("Log-Level", ["log_level"], origin="a.toml")).startswith(
        "a.toml: there is no setting 'Log-Level'"
    )
    assert str(unknown("zzz", ["workers"])) == "there is no setting 'zzz'"
