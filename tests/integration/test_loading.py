"""What a person sees when an application is started, well or badly: messages and exit codes of real servers."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import Running, poll

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

FILES = {
    "main.py": """
        import os
        def reply(start_response, text):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [text.encode()]
        def app(environ, start_response):
            return reply(start_response, "app in " + os.getcwd())
        def create_app(name="default", *, loud=False):
            return lambda environ, start_response: reply(start_response, name.upper() if loud else name)
        """,
    "asgi2.py": """
        class App:
            def __init__(self, scope):
                assert scope["type"] == "http"
                self.scope = scope
            async def __call__(self, receive, send):
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": self.scope["asgi"]["version"].encode()})
        """,
    "src/deep.py": "from main import app",
    "broken.py": "import main\nimport no_such_package",
    "fails.py": """
        async def app(scope, receive, send):
            assert scope["type"] == "lifespan"
            await receive()
            connect()
        def connect():
            raise RuntimeError("no database")
        """,
    "slow.py": """
        import asyncio
        async def app(scope, receive, send):
            await receive()
            await connect()
        async def connect():
            await asyncio.sleep(60)
        """,
    "program.py": """
        import sys
        import bicorn
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"from a program"]
        if __name__ == "__main__":
            bicorn.run(app, bind="127.0.0.1:0", workers=2)
            print("and on it goes")
        """,
    "unguarded.py": """
        import bicorn
        def app(environ, start_response): ...
        bicorn.run("unguarded:app", bind="127.0.0.1:0")
        """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, source in FILES.items():
        lines = source.strip("\n").splitlines()
        margin = len(lines[0]) - len(lines[0].lstrip())
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join(line[margin:] for line in lines))
    return tmp_path


Start = Callable[..., Running]


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(project, "--bind", "127.0.0.1:0", *arguments))
        return started[-1]

    yield start
    for running in started:
        running.clean_up()


@pytest.mark.parametrize(
    ("arguments", "answer", "kind"),
    [
        (["main"], "app in ", "main:app is WSGI"),
        (["main:create_app('name', loud=True)"], "NAME", "is WSGI"),
        (["main:create_app", "--factory"], "default", "main:create_app() is WSGI"),
        (["main:create_app"], "default", "say so with --factory"),
        (["asgi2:App"], "2.0", "asgi2:App is ASGI 2"),
        (["main:app", "--chdir", "src", "--app-dir", ".."], "/src", "main:app is WSGI"),
        (["deep:app", "--app-dir", "src", "--pythonpath", "."], "app in ", "deep:app is WSGI"),
    ],
)
def test_served(start: Start, arguments: list[str], answer: str, kind: str) -> None:
    server = start(*arguments)
    server.wait_for(r" is (ASGI|WSGI)")
    assert answer in server.get()
    assert kind in server.log()
    assert server.stop() == 0


@pytest.mark.parametrize("workers", [(), ("--workers", "3")], ids=["one worker", "three workers"])
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["mian:app"], 4, ["there is no module 'mian'", "did you mean 'main'?"]),
        (["main.py"], 4, ["'main.py' names a file; an application is named by its module: bicorn main:app"]),
        (["main:ap"], 4, ["did you mean 'app'?", "it has: app (WSGI)"]),
        (["main:app", "--interface", "asgi3"], 4, ["use --interface wsgi or leave it to auto"]),
        (["broken:app"], 3, ["broken.py line 2 imports 'no_such_package', which is not installed", "Traceback"]),
        (["fails:app"], 3, ["start-up of the application failed: RuntimeError: no database", "in connect\n"]),
        (["slow:app", "--lifespan-startup-timeout", "0.1"], 3, ["took longer than 0.1 s", "in connect\n"]),
    ],
)
def test_refused(start: Start, arguments: list[str], code: int, expected: list[str], workers: tuple[str, ...]) -> None:
    server = start(*arguments, *workers)
    assert server.wait() == code
    log = server.log()
    assert all(part in log for part in expected), log
    assert log.count(expected[0]) == 1, "told more than once"
    assert "/apps/l" not in log, "frames of Bicorn are shown"


def program(folder: Path, name: str) -> Running:
    """``python name``; the program ignores the arguments that follow."""
    return Running(folder, command=(sys.executable, name))


def test_run_serves_an_object_and_returns(project: Path) -> None:
    server = program(project, "program.py")
    try:
        server.wait_for(" is WSGI")
        assert server.get() == "from a program"
        poll(lambda: len(server.workers()) == 2, "both workers")
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        assert "and on it goes" in server.log()
    finally:
        server.clean_up()


def test_run_that_would_run_itself_is_explained(project: Path) -> None:
    server = program(project, "unguarded.py")
    try:
        assert server.wait() == 3
        assert "the module 'unguarded' calls bicorn.run() whenever it is imported" in server.log()
    finally:
        server.clean_up()
