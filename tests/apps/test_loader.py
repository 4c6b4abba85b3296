"""From what stands on the command line to an application, or to one message that explains why not."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bicorn
from bicorn.apps.loader import LoadedApp, hold, importing, load, prepare_import_path
from bicorn.errors import AppBootError, AppError, AppNotFound, ConfigError

MAIN = """
async def app(scope, receive, send): ...
def application(environ, start_response): return []
def legacy(scope):
    async def inner(receive, send):
        await send({"type": "answer"})
    return inner
text = "hello"
class Site:
    class api:
        app = app
    def make(self, name, *, debug=False):
        assert (name, debug) == ("prod", True)
        return application
    server = staticmethod(application)
site = Site()
def create_app(): return application
def make_with(name): return application
async def make_async(): return app
def make_coroutine(): return make_async()
def make_nothing(): return None
def make_defaults(name="x"): return application
class Cls:
    async def __call__(self, scope, receive, send): ...
def opaque(*args): ...
class Lazy:
    @property
    def app(self): raise RuntimeError("no database")
lazy = Lazy()
"""

MODULES = {
    "main.py": MAIN,
    "only_wsgi.py": "def application(environ, start_response): return []",
    "nothing.py": "import os",
    "other_names.py": "class A:\n    def __call__(self, environ, start_response): ...\nsite_api = A()\n"
    "async def handler(scope, receive, send): ...\ndef add(a, b): ...\n_hidden = site_api",
    "with_factory.py": "def create_app(): return lambda environ, start_response: []",
    "site_package/__init__.py": "",
    "site_package/wsgi.py": "def application(environ, start_response): return []",
    "site_package/asgi.py": "",
    "pkg_with_app/__init__.py": "from . import app\ndef application(environ, start_response): return []",
    "pkg_with_app/app.py": "",
    "imports_missing.py": "x = 1\nimport not_there_at_all",
    "imports_missing_submodule.py": "import site_package.gone",
    "imports_missing_name.py": "from site_package import nope",
    "imports_sibling.py": "import below.above_only",
    "below/__init__.py": "",
    "below/main.py": "import helper_of_root",
    "below/relative.py": "from . import x",
    "broken_syntax.py": "def app(:\n    pass",
    "raises.py": "def connect():\n    raise RuntimeError('no database\\nat all')\nconnect()",
    "chained.py": "try:\n    {}['KEY']\nexcept KeyError as e:\n    raise ValueError('set KEY') from e",
    "exits.py": "import sys\nsys.exit(2)",
    "interrupted.py": "raise KeyboardInterrupt",
    "factory_fails.py": "def create_app():\n    return settings['x']\nsettings = {}",
    "type_error_inside.py": "def create_app():\n    return len()",
    "lazy_attribute.py": "def __getattr__(name):\n    if name == 'app': raise RuntimeError('lazy failure')\n"
    "    raise AttributeError(name)",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of modules, first on the path and the working directory; forgotten afterwards."""
    for name, source in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    (tmp_path / "helper_of_root.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "options", "kind", "name"),
    [
        ("main:app", {}, "ASGI 3", "main:app"),
        ("main", {}, "ASGI 3", "main:app"),
        ("only_wsgi", {}, "WSGI", "only_wsgi:application"),
        ("site_package.wsgi", {}, "WSGI", "site_package.wsgi:application"),
        ("pkg_with_app", {}, "WSGI", "pkg_with_app:application"),
        ("main:legacy", {}, "ASGI 2", "main:legacy"),
        ("main:site.api.app", {}, "ASGI 3", "main:site.api.app"),
        ("main:create_app()", {}, "WSGI", "main:create_app()"),
        ("main:create_app", {"factory": True}, "WSGI", "main:create_app()"),
        ("main:create_app", {}, "WSGI", "main:create_app()"),
        ("main", {"factory": True}, "WSGI", "main:create_app()"),
        ("main:make_defaults", {"factory": True}, "WSGI", "main:make_defaults()"),
        ("main:make_with('prod')", {}, "WSGI", "main:make_with('prod')"),
        ("main:Site().make('prod', debug=True)", {}, "WSGI", "main:Site().make('prod', debug=True)"),
        ("main:Cls", {}, "ASGI 3", "main:Cls()"),
        ("main:app", {"interface": "asgi"}, "ASGI 3", "main:app"),
        ("main:app", {"interface": "asgi3"}, "ASGI 3", "main:app"),
        ("main:legacy", {"interface": "asgi2"}, "ASGI 2", "main:legacy"),
        ("main:application", {"interface": "wsgi"}, "WSGI", "main:application"),
        ("main:opaque", {"interface": "wsgi"}, "WSGI", "main:opaque"),
        ("main:opaque", {"interface": "asgi3"}, "ASGI 3", "main:opaque"),
    ],
)
def test_loaded(project: Path, target: str, options: dict[str, object], kind: str, name: str) -> None:
    loaded = load(target, **options)
    assert (loaded.kind, loaded.name) == (kind, name)
    assert loaded.interface == ("wsgi" if kind == "WSGI" else "asgi")
    assert callable(loaded.call)


def test_an_object_can_be_loaded_as_it_is() -> None:
    def application(environ, start_response): ...

    target = hold(application)
    assert load(target) == LoadedApp(application, "wsgi", "WSGI", "function 'application'")


def test_the_module_being_imported_is_known(project: Path) -> None:
    (project / "looks.py").write_text(
        "from bicorn.apps.loader import importing\nseen = importing()\ndef app(environ, start_response): ..."
    )
    load("looks")
    assert sys.modules["looks"].seen == "looks"
    assert importing() == ""


async def test_asgi_2_is_adapted(project: Path) -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    await load("main:legacy").call({"type": "http"}, None, send)
    assert sent == [{"type": "answer"}]


def test_a_factory_found_by_its_arguments_is_told(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bicorn.error")
    load("main:create_app", factory=True)
    assert not caplog.messages
    load("main:create_app")
    assert caplog.messages == [
        "main:create_app is a factory, called to make the application; say so with --factory or 'main:create_app()'"
    ]


def refusal(target: str, **options: object) -> AppError:
    with pytest.raises(AppError) as caught:
        load(target, **options)
    return caught.value


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        ("mian:app", {}, ["there is no module 'mian' (named by 'mian:app')", "did you mean 'main'?", "searched"]),
        ("MAIN", {}, ["there is no module 'MAIN'", "did you mean 'main'?"]),
        ("zzqq", {}, ["there is no module 'zzqq' (named by 'zzqq')\nsearched"]),
        ("main.app", {}, ["there is no module 'main.app'", "did you mean 'main:app'?"]),
        ("main.nope", {}, ["'main' is a module, not a package"]),
        ("site_package.wsgy", {}, ["did you mean 'site_package.wsgi'?"]),
        ("site_package.zzz", {}, ["it is not in ", "site_package"]),
        ("zzz.main:app", {}, ["there is no module 'zzz'"]),
        (
            "main:ap",
            {},
            ["module 'main' has no attribute 'ap'; did you mean 'app'?", "it has: app (ASGI 3), application (WSGI)"],
        ),
        ("main:APP", {}, ["did you mean 'app'?"]),
        ("nothing:app", {}, ["nothing in it looks like an application"]),
        ("site_package:wsgi", {}, ["there is a module 'site_package.wsgi'"]),
        ("main:site.ap", {}, ["'main:site' (a Site) has no attribute 'ap'; did you mean 'api'?"]),
        (
            "nothing",
            {},
            ["module 'nothing' has no 'app' and no 'application'; name the attribute that is, 'nothing:NAME'"],
        ),
        (
            "other_names",
            {},
            ["it has: site_api (WSGI), handler (ASGI 3); name one: 'other_names:site_api'"],
        ),
        ("with_factory", {}, ["it has a factory: 'with_factory:create_app()'"]),
        ("site_package", {}, ["did you mean 'site_package.asgi' or 'site_package.wsgi'?"]),
        ("main:text", {}, ["'main:text' is the text 'hello', which is not callable"]),
        ("main:site", {}, ["'main:site' is a Site, which is not callable", "did you mean 'main:site.server'?"]),
        ("pkg_with_app:app", {}, ["is the module 'pkg_with_app.app', which is not callable"]),
        ("main:text()", {}, ["'main:text' is the text 'hello', which cannot be called"]),
        ("main:make_with()", {}, ["'main:make_with' cannot be called like that", "missing 1 required", "takes (name)"]),
        ("main:make_with", {"factory": True}, ["if it is a factory, write its arguments: 'main:make_with(...)'"]),
        ("main:Site", {"factory": True}, ["'main:Site()' returned a Site"]),
        (
            "main:app",
            {"factory": True},
            ["cannot be called without arguments, as --factory does", "leave out --factory"],
        ),
        ("main:make_async", {"factory": True}, ["is an async function", "before there is an event loop"]),
        ("main:make_async()", {}, ["is an async function"]),
        ("main:make_coroutine()", {}, ["returned a coroutine"]),
        ("main:make_nothing()", {}, ["is None, which is not callable"]),
        ("main:make_nothing", {"factory": True}, ["'main:make_nothing()' returned None"]),
        ("main:make_nothing", {}, ["returned None", "takes no arguments: a factory, so it was called as one"]),
        ("main:opaque", {}, ["'main:opaque' is not an application", "say it with --interface"]),
        (
            "main:application",
            {"interface": "asgi3"},
            [
                "'main:application' cannot be served as ASGI 3: function 'application' takes (environ, start_response):"
                " WSGI; use --interface wsgi or leave it to auto"
            ],
        ),
        ("main:app", {"interface": "wsgi"}, ["cannot be served as WSGI", "use --interface asgi3 or leave it to auto"]),
        ("main:Cls().__call__.__func__", {"interface": "wsgi"}, ["leave --interface to auto"]),
    ],
)
def test_not_found(project: Path, target: str, options: dict[str, object], expected: list[str]) -> None:
    error = refusal(target, **options)
    assert isinstance(error, AppNotFound), error
    assert error.exit_code == 4
    for part in expected:
        assert part in str(error)


def test_the_places_searched_are_named(project: Path) -> None:
    text = str(refusal("zzqq"))
    sys.path.append("/not/there")
    try:
        shown = str(refusal("zzqq")).splitlines()
    finally:
        sys.path.remove("/not/there")
    assert f"  {project}" in text.splitlines()
    assert "  /not/there  (does not exist)" in shown


@pytest.mark.parametrize(
    ("target", "headline", "trace"),
    [
        (
            "imports_missing",
            "imports_missing.py line 2 imports 'not_there_at_all', which is not installed for ",
            "line 2",
        ),
        (
            "imports_missing_submodule",
            "imports_missing_submodule.py line 1 imports 'site_package.gone', but there is no such module"
            " in the package 'site_package'",
            "line 1",
        ),
        ("imports_missing_name", "imports 'nope' from 'site_package', which does not have it", "line 1"),
        ("broken_syntax", "(broken_syntax.py line 1)", "^"),
        ("raises", "importing 'raises' failed: RuntimeError: no database\n\nTraceback", "in connect"),
        ("chained", "ValueError: set KEY", "KeyError: 'KEY'"),
        ("exits", "exits.py line 2 called sys.exit(2)", "SystemExit: 2"),
        ("factory_fails:create_app()", "the factory 'factory_fails:create_app' failed: KeyError: 'x'", "in create_app"),
        ("factory_fails:create_app", "the factory 'factory_fails:create_app' failed", "in create_app"),
        ("type_error_inside:create_app()", "TypeError: len() takes exactly one argument", "in create_app"),
        (
            "lazy_attribute:app",
            "looking up 'app' in module 'lazy_attribute' failed: RuntimeError: lazy failure",
            "__getattr__",
        ),
        ("main:lazy.app", "looking up 'app' in 'main:lazy' (a Lazy) failed: RuntimeError: no database", "in app"),
    ],
)
def test_failures_of_the_users_code(project: Path, target: str, headline: str, trace: str) -> None:
    error = refusal(target)
    assert isinstance(error, AppBootError), error
    assert error.exit_code == 3
    text = str(error)
    assert headline in text
    shown = text.partition("\n\n")[2]
    assert trace in shown
    assert "importlib" not in shown
    assert "loader.py" not in shown


def test_starting_in_the_wrong_directory_is_recognised(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(project / "below"), *(p for p in sys.path if p not in ("", str(project)))])
    text = str(refusal("main"))
    assert "imports 'helper_of_root', which is in" in text
    assert f"give --app-dir {project}" in text
    sys.modules.pop("main", None)
    text = str(refusal("relative"))
    assert "name it as 'below.relative'" in text
    assert f"give --app-dir {project}" in text


def test_an_interrupt_is_not_the_applications_failure(project: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load("interrupted")


def test_an_exit_that_no_frame_of_the_user_asked_for_is_not_explained(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = os.path.join(os.path.dirname(bicorn.__file__), "process", "worker.py")
    namespace: dict[str, Any] = {}
    exec(compile("def stopped(name):\n    raise SystemExit(0)", handler, "exec"), namespace)
    monkeypatch.setattr(importlib, "import_module", namespace["stopped"])
    with pytest.raises(SystemExit):
        load("main")


def path_settings(app_dir: str = "", chdir: str | None = None, pythonpath: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(app_dir=app_dir, chdir=chdir, pythonpath=pythonpath)


@pytest.fixture
def import_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/old"])
    (tmp_path / "src").mkdir()
    (tmp_path / "site" / "src").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (path_settings(), ["."]),
        (path_settings("src"), ["src"]),
        (path_settings(chdir="site"), ["site"]),
        (path_settings("src", chdir="site"), ["site/src"]),
        (path_settings(pythonpath="src, site,src,"), [".", "src", "site"]),
    ],
)
def test_import_path(import_path: Path, settings: SimpleNamespace, expected: list[str]) -> None:
    prepare_import_path(settings)
    assert sys.path == [*(str((import_path / part).resolve()) for part in expected), "/old"]


def test_import_path_has_nothing_twice(import_path: Path) -> None:
    sys.path[:] = ["/old", str(import_path), "/other"]
    prepare_import_path(path_settings())
    prepare_import_path(path_settings())
    assert sys.path == [str(import_path), "/old", "/other"]


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        (path_settings(chdir="gone"), "chdir", "cannot change to the directory 'gone': No such file or directory"),
        (path_settings("gone"), "app_dir", "the application directory 'gone' does not exist"),
    ],
)
def test_directories_that_do_not_exist(
    import_path: Path, settings: SimpleNamespace, setting: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_import_path(settings)
    assert (str(caught.value), caught.value.setting) == (message, setting)
    assert os.getcwd() == str(import_path)
