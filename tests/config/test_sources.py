from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.config import sources
from bicorn.config.given import Given
from bicorn.config.settings import OPTIONS
from bicorn.config.shorthands import SHORTHANDS
from bicorn.config.sources import Resolved, enter, resolve
from bicorn.errors import ConfigError


@pytest.fixture(autouse=True)
def imports_restored() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - modules:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def typed(**given: Any) -> list[Given]:
    return [Given(name, value, "--" + name.replace("_", "-")) for name, value in given.items()]


def ask(folder: Path, given: Any = (), **environ: str) -> Resolved:
    return resolve(given, environ=environ, directory=folder)


def test_defaults_alone(folder: Path) -> None:
    resolved = ask(folder)
    assert (resolved.config.origins, resolved.notices, resolved.file) == ({}, (), "")
    assert resolved.config.bind == ("127.0.0.1:8000",)


# Who wins


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(folder: Path) -> None:
    (folder / "bicorn.toml").write_text("workers = 2\nthreads = 2\nloop = 'asyncio'")
    config = ask(folder, typed(workers="4"), BICORN_WORKERS="3", BICORN_THREADS="3").config
    assert (config.workers, config.threads, config.loop, config.factory) == (4, 3, "asyncio", False)
    origins = [config.origin(name) for name in ("workers", "threads", "loop", "factory")]
    assert origins == ["--workers", "BICORN_THREADS", "bicorn.toml", "default"]


@pytest.mark.parametrize(
    ("environ", "workers", "origin"),
    [
        ({"GUNICORN_CMD_ARGS": "-w 2"}, 2, "GUNICORN_CMD_ARGS"),
        ({"GUNICORN_CMD_ARGS": "-w 2", "UVICORN_WORKERS": "3"}, 3, "UVICORN_WORKERS"),
        ({"UVICORN_WORKERS": "3", "WEB_CONCURRENCY": "4"}, 4, "WEB_CONCURRENCY"),
        ({"WEB_CONCURRENCY": "4", "BICORN_WORKERS": "5"}, 5, "BICORN_WORKERS"),
        ({"WEB_CONCURRENCY": "", "GUNICORN_CMD_ARGS": " "}, 1, "default"),
    ],
)
def test_within_the_environment(folder: Path, environ: dict[str, str], workers: int, origin: str) -> None:
    config = ask(folder, **environ).config
    assert (config.workers, config.origin("workers")) == (workers, origin)


def test_what_the_platform_sets_gives_way_to_a_gunicorn_file_only(folder: Path) -> None:
    platform = {"PORT": "5000", "WEB_CONCURRENCY": "8"}
    (folder / "gunicorn.conf.py").write_text("bind = '127.0.0.1:1'\nworkers = 2")
    config = ask(folder, **platform).config
    assert (config.bind, config.workers, config.origin("workers")) == (("127.0.0.1:1",), 2, "gunicorn.conf.py")
    (folder / "bicorn.toml").write_text("bind = '127.0.0.1:1'\nworkers = 2")
    config = ask(folder, **platform).config
    assert (config.bind, config.workers, config.origin("bind")) == (("0.0.0.0:5000",), 8, "PORT")


def test_the_port_of_the_platform_is_reachable_unless_a_host_is_given(folder: Path) -> None:
    assert ask(folder, PORT="5000").config.bind == ("0.0.0.0:5000",)
    assert ask(folder, typed(host="::1"), PORT="5000").config.bind == ("[::1]:5000",)
    assert ask(folder, typed(bind=("a:1",)), PORT="5000").config.bind == ("a:1",)
    assert ask(folder, BICORN_BIND="a:1,b:2", PORT="5000").config.bind == ("a:1", "b:2")


# The environment


@pytest.mark.parametrize(
    "name", [name for name in OPTIONS if name not in ("headers", "raw_env", "mounts", "ssl_context")]
)
def test_every_setting_has_its_variable(folder: Path, name: str) -> None:
    numbers = ("cert_reqs", "unix_mode", "umask", "max_requests_jitter")
    option = OPTIONS[name]
    text = {bool: "true", int: "1" if name in numbers else "7", float: "7"}.get(type(option.default), "x")
    if hasattr(option.kind, "names"):
        text = option.kind.names[-1]
    elif name in ("root_path", "chdir"):
        text = "/"
    elif option.default is None and "true" in option.kind.expects:
        text = "true"
    elif name in numbers:
        text = "1"
    elif name == "worker_class":
        text = "sync"
    elif name in ("user", "group"):
        text = "1234"
    elif option.group == "Hooks":
        text = "module:function"
    companions = (
        {"BICORN_CERTFILE": "x", "BICORN_CA_CERTS": "x", "BICORN_CERT_REQS": "1"} if option.group == "TLS" else {}
    )
    config = ask(folder, **{**companions, option.env: text}).config
    assert config.origin(name) == option.env
    assert getattr(config, name) not in (None, "", ()) or name == "root_path"


def test_lists_in_the_environment(folder: Path) -> None:
    config = ask(folder, BICORN_HEADERS="A:b,C:d", BICORN_MOUNTS="/a=m,/b=n", BICORN_RAW_ENV="A=1,B=2").config
    assert config.headers == (("A", "b"), ("C", "d"))
    assert config.mounts == ("/a=m", "/b=n")
    assert config.raw_env == ("A=1", "B=2")


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("BICORN_WORKER", "BICORN_WORKER is not a setting; did you mean BICORN_WORKERS?"),
        ("BICORN_Workers", "BICORN_Workers is not a setting; did you mean BICORN_WORKERS?"),
        ("BICORN_QQQQQQ", "BICORN_QQQQQQ is not a setting"),
        ("BICORN_KEEPALIVE", "BICORN_KEEPALIVE is not a setting"),
    ],
)
def test_an_unknown_variable_gives_the_nearest_name(folder: Path, variable: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        ask(folder, **{variable: "1"})
    assert str(error.value).startswith(message)
    assert error.value.origin == variable


def test_variables_of_others_are_left_alone(folder: Path) -> None:
    kubernetes = {
        "BICORN_SERVICE_HOST": "10.0.0.1",
        "BICORN_SERVICE_PORT": "80",
        "BICORN_SERVICE_PORT_HTTP": "80",
        "BICORN_PORT": "tcp://10.0.0.1:80",
        "BICORN_PORT_80_TCP": "tcp://10.0.0.1:80",
        "BICORN_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    others = {"BICORN_PURE": "1", "BICORN_BUILD": "pure", "UVICORN_FAVOURITE": "x", "GUNICORN_X": "y"}
    assert ask(folder, **kubernetes, **others).config.origins == {}
    assert ask(folder, BICORN_PORT="9000").config.bind == ("127.0.0.1:9000",)


def test_an_empty_variable_is_not_set_but_for_tls(folder: Path) -> None:
    assert ask(folder, BICORN_WORKERS="", BICORN_HOST=" ", PORT="", UVICORN_HOST="").config.origins == {}
    for variable in ("BICORN_CERTFILE", "BICORN_KEYFILE_PASSWORD", "UVICORN_SSL_CERTFILE", "UVICORN_SSL_CERT_REQS"):
        with pytest.raises(ConfigError, match=f"^{variable} is empty"):
            ask(folder, **{variable: ""})


def test_uvicorns_variables(folder: Path) -> None:
    resolved = ask(
        folder,
        UVICORN_APP="main:app",
        UVICORN_HOST="0.0.0.0",
        UVICORN_HEADERS="A:b C:d",
        UVICORN_SSL_CERTFILE="cert.pem",
        UVICORN_WS="wsproto",
    )
    config = resolved.config
    assert (config.app, config.bind, config.headers) == ("main:app", ("0.0.0.0:8000",), (("A", "b"), ("C", "d")))
    assert config.certfile == ("cert.pem",)
    assert config.ws == "auto"
    assert resolved.notices == ()


def test_forwarded_allow_ips_is_said_to_be_ignored(folder: Path) -> None:
    [notice] = ask(folder, FORWARDED_ALLOW_IPS="*").notices
    assert notice.startswith("FORWARDED_ALLOW_IPS is ignored: no proxy is trusted yet")
    assert ask(folder, FORWARDED_ALLOW_IPS="127.0.0.1").notices == ()


def test_an_error_names_the_variable(folder: Path) -> None:
    with pytest.raises(ConfigError) as error:
        ask(folder, WEB_CONCURRENCY="x")
    assert str(error.value) == "workers must be a whole number of 1 or more, or auto (got 'x' from WEB_CONCURRENCY)"


# Files


def test_which_file_is_read(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text("workers = 2")
    assert ask(folder).file == "gunicorn.conf.py"
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert ask(folder).file == "gunicorn.conf.py"
    (folder / "pyproject.toml").write_text("[tool.bicorn]\nworkers = 3")
    assert (ask(folder).file, ask(folder).config.workers) == ("pyproject.toml", 3)
    (folder / "bicorn.toml").write_text("workers = 4")
    assert (ask(folder).file, ask(folder).config.workers) == ("bicorn.toml", 4)
    (folder / "other.toml").write_text("workers = 5")
    assert ask(folder, typed(config="other.toml")).config.origin("workers") == "other.toml"
    assert ask(folder, BICORN_CONFIG="other.toml").config.workers == 5
    assert ask(folder, GUNICORN_CMD_ARGS="-c gunicorn.conf.py").config.workers == 2
    assert ask(folder, typed(config="pyproject.toml")).config.workers == 3


def test_other_ways_to_name_a_file(folder: Path) -> None:
    (folder / "conf").write_text("workers = 2")
    (folder / "site_settings.py").write_text("workers = 3")
    assert ask(folder, typed(config="file:conf")).config.workers == 2
    assert ask(folder, typed(config="python:site_settings")).config.origin("workers") == "python:site_settings"
    assert ask(folder, typed(config=str(folder / "conf"))).config.workers == 2


def test_a_toml_file_with_everything(folder: Path) -> None:
    (folder / "bicorn.toml").write_text(
        "app = 'main:app'\nbind = ['a:1', 'unix:b']\nworkers = 2\nlimit-request-body = '10m'\nunix_mode = 0o660\n"
        "access_log = true\n[headers]\nA = 'b'\n[mounts]\n'/old' = 'old:app'\n[raw_env]\nA = 'b'"
    )
    config = ask(folder).config
    assert (config.app, config.bind, config.workers) == ("main:app", ("a:1", "unix:b"), 2)
    assert (config.limit_request_body, config.unix_mode, config.access_log) == (10 * 1024**2, 0o660, True)
    assert (config.headers, config.mount_points, config.raw_env) == ((("A", "b"),), (("/old", "old:app"),), ("A=b",))


def test_a_gunicorn_file_with_everything(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text(
        "wsgi_app = 'main:app'\nbind = '0.0.0.0:80'\nworkers = 3\nworker_class = 'uvicorn.workers.UvicornWorker'\n"
        "keepalive = 5\numask = 0o007\naccesslog = '-'\nerrorlog = '-'\nloglevel = 'WARNING'\ntimeout = 120\n"
        "certfile = None\ndaemon = False\nuser = None\npreload_app = True\nworker_tmp_dir = '/dev/shm'\nspew = True\n"
        "def post_fork(server, worker): pass\ndef when_ready(server): pass\ndef dirty_post_fork(a, w): pass\n"
    )
    resolved = ask(folder)
    config = resolved.config
    assert (config.app, config.bind, config.workers) == ("main:app", ("0.0.0.0:80",), 3)
    assert (config.timeout_keep_alive, config.access_log, config.log_level) == (5, True, "warning")
    assert resolved.notices == (
        "gunicorn.conf.py: spew is ignored: use sys.settrace or a debugger",
        "gunicorn.conf.py: dirty_post_fork is ignored: there are no dirty workers",
    )
    assert (config.timeout, config.preload, config.daemon, config.user) == (120, True, False, None)
    assert (config.umask, config.unix_mode) == (0o007, None)
    assert callable(config.post_fork)
    assert callable(config.when_ready)
    assert config.origin("post_fork") == "gunicorn.conf.py"


def test_a_bad_value_in_a_file_names_it(folder: Path) -> None:
    (folder / "bicorn.toml").write_text("workers = -1")
    with pytest.raises(ConfigError, match=r"^workers must be .*\(got -1 from bicorn.toml\)$"):
        ask(folder)


# chdir


def test_files_are_looked_for_in_chdir(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "bicorn.toml").write_text("workers = 2")
    config = ask(folder, typed(chdir="site")).config
    assert (config.workers, config.chdir) == (2, str(folder / "site"))
    assert ask(folder, BICORN_CHDIR=str(folder / "site")).config.workers == 2
    monkeypatch.chdir(folder)
    assert resolve(typed(chdir="site"), environ={}).config.chdir == str(folder / "site")
    (folder / "bicorn.toml").write_text("chdir = 'site'")
    assert ask(folder).config.chdir == str(folder / "site")


def test_a_directory_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^chdir must be a directory that exists \(got 'nowhere' from --chdir\)$"):
        ask(folder, typed(chdir="nowhere"))


# What follows from other settings


def test_naming_the_access_log_turns_it_on(folder: Path) -> None:
    assert ask(folder).config.access_log is None
    config = ask(folder, typed(access_logfile="-")).config
    assert (config.access_log, config.origin("access_log")) == (True, "--access-logfile")
    assert ask(folder, typed(access_logfile="-"), BICORN_ACCESS_LOG="no").config.access_log is False


def test_a_worker_class_implies_what_nobody_gave(folder: Path) -> None:
    resolved = ask(folder, typed(worker_class="gevent"))
    assert (resolved.config.threads, resolved.config.origin("threads")) == (64, "--worker-class gevent")
    assert [notice.partition(":")[0] for notice in resolved.notices] == ["--worker-class gevent"]
    assert ask(folder, typed(worker_class="gevent"), BICORN_THREADS="2").config.threads == 2
    assert ask(folder, typed(worker_class="sync", threads="4")).config.threads == 4
    assert ask(folder, typed(worker_class="uvicorn.workers.UvicornWorker")).notices == ()
    with pytest.raises(ConfigError, match=r"\(from --worker-class\); did you mean 'gthread'"):
        ask(folder, typed(worker_class="gthred"))


def test_a_worker_class_may_be_a_class(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text(
        "worker_class = type('UvicornWorker', (), {'__module__': 'uvicorn.workers'})"
    )
    assert ask(folder).config.worker_class == "uvicorn.workers.UvicornWorker"


# Keywords


def test_keywords_under_any_name(folder: Path) -> None:
    given = {
        "app": "main:app",
        "host": "::1",
        "port": 80,
        "ssl_certfile": "a.pem",
        "log_level": "debug",
        "threads": None,
    }
    config = ask(folder, given).config
    assert (config.bind, config.certfile, config.log_level) == (("[::1]:80",), ("a.pem",), "debug")
    assert (config.origin("app"), config.origin("threads")) == ("keyword", "default")
    with pytest.raises(ConfigError, match=r"^there is no setting 'worker'; did you mean 'workers'"):
        ask(folder, {"worker": 2})


def test_notices_are_given_once(folder: Path) -> None:
    assert len(ask(folder, [Given("spew", True, "--spew"), Given("spew", True, "--spew")]).notices) == 1


def test_shorthands_are_known_to_the_environment(folder: Path) -> None:
    given = {"host": "a", "port": "1", "uds": "a", "fd": "1", "config": str(folder / "x.toml")}
    (folder / "x.toml").write_text("")
    for name in SHORTHANDS:
        assert isinstance(ask(folder, **{SHORTHANDS[name].env: given[name]}), Resolved)


# The application's environment


def test_variables_for_the_application(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BICORN_TEST_A", "before")
    monkeypatch.delenv("BICORN_TEST_B", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    enter(ask(folder, typed(raw_env=("BICORN_TEST_A=1", "BICORN_TEST_B=x=y"))).config)
    assert (os.environ["BICORN_TEST_A"], os.environ["BICORN_TEST_B"]) == ("1", "x=y")


def test_the_directory_is_entered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    enter(ask(folder, typed(chdir=".")).config)
    assert Path.cwd() == folder


def test_variables_from_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"A": "already"})
    (folder / ".env").write_text("A=1\nB=2\nC")
    values = {"A": "1", "B": "2", "C": None}
    dotenv = type(sys)("dotenv")
    dotenv.dotenv_values = lambda file: values  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dotenv", dotenv)
    enter(ask(folder, typed(env_file=str(folder / ".env"))).config)
    assert os.environ == {"A": "already", "B": "2"}


def test_a_file_of_variables_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ask(folder, typed(env_file=str(folder / ".env"))).config
    with pytest.raises(ConfigError, match=r"from --env-file: there is no such file$"):
        enter(config)
    (folder / ".env").write_text("A=1")
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(ConfigError, match=r"needs python-dotenv: pip install python-dotenv$"):
        enter(config)


def test_the_process_own_environment_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.os, "environ", {"BICORN_WORKERS": "7"})
    assert resolve(directory=folder).config.workers == 7


def test_no_color_turns_colours_off_unless_they_are_asked_for() -> None:
    environ = {"NO_COLOR": "1"}
    assert sources.resolve({"app": "main:app"}, environ=environ).config.use_colors is False
    assert sources.resolve({"app": "main:app"}, environ={"NO_COLOR": ""}).config.use_colors is None
    assert sources.resolve({"app": "main:app", "use_colors": True}, environ=environ).config.use_colors is True


# -- How the process was started


def test_how_the_process_was_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of a link, which will lead to the next version; unless PWD says something else."""
    (folder / "v1").mkdir()
    (folder / "current").symlink_to("v1")
    monkeypatch.chdir(folder / "current")
    for shown, directory in ((folder / "current", folder / "current"), ("/", folder / "v1"), ("gone", folder / "v1")):
        monkeypatch.setattr(os, "environ", {"PWD": str(shown), "A": "1"})
        assert sources.start() == sources.Start(str(directory), {"PWD": str(shown), "A": "1"})
    os.environ["A"] = "2"
    monkeypatch.setattr(os, "environ", {})
    assert sources.start() == sources.Start(str(folder / "v1"), {})


def test_what_is_handed_over_is_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = {"LISTEN_FDS": "1", "LISTEN_PID": "7", "NOTIFY_SOCKET": "@n", "BICORN_LISTENERS": "{}"}
    monkeypatch.setattr(os, "environ", {"A": "1", **handed})
    assert sources.take_handed_over() == handed
    assert os.environ == {"A": "1"}
    assert sources.take_handed_over() == {}


def test_a_successors_variable_is_no_setting(folder: Path) -> None:
    ask(folder, BICORN_LISTENERS="{}")
