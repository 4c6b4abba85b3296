from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.config.pyfile import MODULE_NAME, read, read_module
from bicorn.errors import ConfigError


@pytest.fixture(autouse=True)
def imports_restored() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - modules:
        del sys.modules[name]


def run(folder: Path, text: str) -> tuple[dict[str, object], list[str]]:
    path = folder / "gunicorn.conf.py"
    path.write_text(text)
    given, notices = read(str(path), "gunicorn.conf.py", str(folder))
    return {item.name: item.value for item in given}, notices


def test_globals_are_settings_and_the_rest_is_the_files_own(tmp_path: Path) -> None:
    found, notices = run(
        tmp_path,
        "import multiprocessing, os\n"
        "workers = 2 * 2\nbind = ['a:1']\n_private = 1\nhelper = 5\nconfig = 'x'\ncheck_config = True\n"
        "def post_fork(server, worker): pass\n",
    )
    assert found.pop("post_fork")
    assert found == {"workers": 4, "bind": ["a:1"]}
    assert notices == []


def test_it_runs_as_gunicorn_runs_it(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("COUNT = 3")
    found, _ = run(tmp_path, "from neighbour import COUNT\nworkers = COUNT\nproc_name = __name__\npidfile = __file__")
    assert found == {"workers": 3, "proc_name": MODULE_NAME, "pidfile": str(tmp_path / "gunicorn.conf.py")}


def test_where_a_value_is_from(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("workers = 1")
    [item], _ = read(str(tmp_path / "a.py"), "conf/a.py", str(tmp_path))
    assert (item.origin, item.called) == ("conf/a.py", "conf/a.py: workers")


def test_a_module_called_like_a_setting_is_no_setting(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text("")
    assert run(tmp_path, "import user\nworkers = 1") == ({"workers": 1}, [])


@pytest.mark.parametrize("line", ["worker = 4", "thread = 2", "logevel = 'debug'"])
def test_what_looks_misspelt_is_said(tmp_path: Path, line: str) -> None:
    found, notices = run(tmp_path, line)
    assert found == {}
    assert [
        notice.startswith(f"gunicorn.conf.py: {line.split()[0]} is not a setting; did you mean ") for notice in notices
    ] == [True]


def test_a_name_beside_the_right_one_is_a_helper(tmp_path: Path) -> None:
    assert run(tmp_path, "worker = 4\nworkers = worker * 2")[1] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("workers = 1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("workers = (", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit: 1"),
    ],
)
def test_a_file_that_fails_shows_its_own_lines(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        run(tmp_path, text)
    assert str(error.value).startswith("gunicorn.conf.py failed:\n")
    assert problem in str(error.value)
    assert "pyfile.py" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^x.py cannot be read: No such file"):
        read(str(tmp_path / "x.py"), "x.py", str(tmp_path))


def test_a_module_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "site_conf.py").write_text("workers = 3\nthread = 2")
    given, notices = read_module("site_conf", str(tmp_path))
    assert [(item.name, item.value, item.origin) for item in given] == [("workers", 3, "python:site_conf")]
    assert notices == ["python:site_conf: thread is not a setting; did you mean threads?"]
    with pytest.raises(ConfigError, match=r"(?s)^python:no_such failed:\n.*ModuleNotFoundError"):
        read_module("no_such", str(tmp_path))
