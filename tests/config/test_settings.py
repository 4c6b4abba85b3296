from __future__ import annotations

import copy
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bicorn
from bicorn.config.settings import GROUPS, LOG_LEVELS, OPTIONS, Config
from bicorn.config.shorthands import SHORTHANDS
from bicorn.errors import ConfigError

EVERY = [*OPTIONS.values(), *SHORTHANDS.values()]


def test_defaults() -> None:
    config = Config()
    assert {name: getattr(config, name) for name in OPTIONS} == {name: each.default for name, each in OPTIONS.items()}
    assert config.bind == ("127.0.0.1:8000",)
    assert config.limit_request_body == 1024**3
    assert config.timeout_keep_alive > 60, "the usual load balancer waits 60 seconds"


def test_values_are_converted_whoever_gives_them() -> None:
    config = Config(bind=":80", workers="2", headers=["A: b"], unix_mode="660", certfile="a,b")  # type: ignore[arg-type]
    assert (config.bind, config.workers, config.headers) == (("0.0.0.0:80",), 2, (("A", "b"),))
    assert (config.unix_mode, config.certfile) == (0o660, ("a", "b"))


@pytest.mark.parametrize(
    ("name", "nearest"), [("worker", "workers"), ("loglevel", "log_level"), ("zzz", None), ("bind_", "bind")]
)
def test_an_unknown_keyword_gives_the_nearest_name(name: str, nearest: str | None) -> None:
    with pytest.raises(ConfigError) as error:
        Config(**{name: 1})  # type: ignore[arg-type]
    assert str(error.value) == f"there is no setting {name!r}" + (f"; did you mean {nearest!r}?" if nearest else "")


@pytest.mark.parametrize("name", [name for name, each in OPTIONS.items() if name != "app"])
def test_no_setting_takes_just_anything(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config(**{name: object()})  # type: ignore[arg-type]
    assert str(error.value).startswith(f"{name} must be {OPTIONS[name].kind.expects}")
    assert error.value.setting == name


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError, match="does not change"):
        Config().workers = 2  # type: ignore[misc]


def test_it_pickles_and_compares_and_hashes() -> None:
    config = Config(app="main:app", bind=["[::1]:1"], origins={"app": "command line"})  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(config))
    assert again == config
    assert hash(again) == hash(config)
    assert again.origin("app") == "command line"
    assert config != Config(app="main:other")


def test_it_can_be_changed_by_copying() -> None:
    config = Config(workers=2, origins={"workers": "-w"}).replace(threads=4)
    assert (config.workers, config.threads, config.origin("workers")) == (2, 4, "-w")
    assert copy.copy(config) == config


def test_origins() -> None:
    given = {"workers": "-w"}
    config = Config(workers=2, threads=3, origins=given)
    given["loop"] = "changed later"
    assert [config.origin(name) for name in ("workers", "threads", "loop")] == ["-w", "keyword", "default"]


def test_an_error_names_the_origin() -> None:
    with pytest.raises(ConfigError, match=r"from BICORN_WORKERS\)$"):
        Config(workers=-1, origins={"workers": "BICORN_WORKERS"})


def test_the_password_is_not_in_the_repr() -> None:
    config = Config(keyfile_password="hunter2", certfile=("a",), keyfile=("b",))
    assert "hunter2" not in repr(config)
    assert "certfile=('a',)" in repr(config)


def test_tls_is_on_with_a_certificate_or_a_context() -> None:
    assert not Config().tls
    assert Config(certfile=("a",)).tls
    assert Config(ssl_context="module:make").tls


def test_mount_points() -> None:
    assert Config(mounts=("/a=m:x", "/b=n:make('=')")).mount_points == (("/a", "m:x"), ("/b", "n:make('=')"))


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_the_log_levels_of_gunicorn_and_uvicorn(level: str) -> None:
    assert Config(log_level=level.upper()).log_level == level


@pytest.mark.parametrize(
    ("name", "given", "means"),
    [
        ("interface", "asgi", "asgi3"),
        ("loop", "none", "asyncio"),
        ("loop", "zuvloop", "auto"),
        ("log_level", "warn", "warning"),
        ("cert_reqs", 0, 0),
        ("workers", "auto", 0),
        ("reload_engine", "inotify", "auto"),
        ("post_fork", "site.hooks.post_fork", "site.hooks:post_fork"),
    ],
)
def test_other_spellings(name: str, given: object, means: object) -> None:
    assert getattr(Config(**{name: given}), name) == means  # type: ignore[arg-type]


def two(server: object, worker: object) -> None: ...
def three(server: object, worker: object, more: object = None) -> None: ...
def one(server: object) -> None: ...
def any_number(*things: object) -> None: ...


@pytest.mark.parametrize("function", [two, three, any_number, print])
def test_a_hook_takes_what_it_is_called_with(function: object) -> None:
    assert Config(post_fork=function).post_fork is function  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [two, three, any_number])
def test_post_request_may_do_with_two_or_three(function: object) -> None:
    assert Config(post_request=function).post_request is function  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "function", "wanted"),
    [
        ("post_fork", one, "server, worker"),
        ("when_ready", two, "server"),
        ("nworkers_changed", two, "server, new, old"),
        ("post_request", one, "worker, request, environ, response"),
    ],
)
def test_a_hook_that_takes_something_else_is_refused(name: str, function: Any, wanted: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config(**{name: function}, origins={name: "gunicorn.conf.py"})
    assert str(error.value) == (
        f"{name} must be a function of ({wanted}), or MODULE:FUNCTION: it takes {inspect.signature(function)}"
        f" (got {function.__name__} from gunicorn.conf.py)"
    )


@pytest.mark.parametrize("option", EVERY, ids=lambda option: option.name)
def test_every_declaration_is_complete(option: object) -> None:
    assert option.help.endswith("."), "a sentence"  # type: ignore[attr-defined]
    assert option.group in GROUPS  # type: ignore[attr-defined]


def test_flags_are_unique() -> None:
    flags = [flag for option in EVERY for flag in option.flags]
    assert sorted(flags) == sorted(set(flags))
    assert all(re.fullmatch(r"-[a-zA-Z]|--[a-z][a-z-]+", flag) for flag in flags)


def test_ten_options_come_first() -> None:
    assert sorted(option.first for option in EVERY if option.first) == list(range(1, 11))


@pytest.mark.slow
def test_it_is_cheap_to_import(tmp_path: Path) -> None:
    source = str(Path(bicorn.__file__).parent.parent)
    code = f"import sys; sys.path[:0] = [{source!r}]; from bicorn.config.sources import resolve; "
    code += "resolve({}, environ={}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = done.stdout.split()
    assert {"bicorn.config.settings", "bicorn.config.sources"} <= set(loaded)
    heavy = {
        "asyncio",
        "click",
        "socket",
        "ssl",
        "logging",
        "argparse",
        "tomllib",
        "ipaddress",
        "difflib",
        "pathlib",
        "subprocess",
    }
    assert heavy & set(loaded) == set()
