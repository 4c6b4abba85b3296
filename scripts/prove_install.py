"""Prove that Bicorn installs and serves: every Python found, with and without a C compiler, from the source archive.

    python scripts/prove_install.py [--python PATH]... [--chroot DIR]... [--only 3.14]...

Each proof is a new virtual environment, ``pip install`` of the sdist as a user would, and one request each to an ASGI
and a WSGI app on one port. Without ``--python``, Pythons are looked for on PATH and among pyenv's. ``--chroot`` also
tries those of another system's root folder (needs root); for Pythons that are newer than this machine's:

    debootstrap --variant=minbase --include=python3.15-venv,python3.15-dev,gcc,libc6-dev,ca-certificates sid DIR
    mount -t proc proc DIR/proc
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = """
import json, bicorn

def answer(kind):
    return json.dumps({"kind": kind, "compiled": bicorn.__compiled__}).encode()

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer("asgi")})

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [answer("wsgi")]
"""
DESCRIBE = """
import json, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:2]), "full": sys.version.split()[0], "implementation": sys.implementation.name,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")), "executable": sys.executable,
}))
"""


@dataclass(frozen=True)
class Python:
    """One interpreter, perhaps in another root folder."""

    executable: str
    name: str
    root: Path = field(default=Path("/"))

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs it, or a program of its environments."""
        return arguments_in(self.root, *arguments)


def arguments_in(root: Path, *arguments: str) -> list[str]:
    """A command line, run in another root folder if need be."""
    return list(arguments) if root == Path("/") else ["chroot", str(root), *arguments]


def describe(executable: str, root: Path) -> Python | None:
    """The interpreter, None if it does not run or is older than Bicorn wants."""
    try:
        done = subprocess.run(
            arguments_in(root, executable, "-c", DESCRIBE), capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    facts = json.loads(done.stdout)
    if facts["version"] < [3, 11]:
        return None
    where = "" if root == Path("/") else " (chroot)"
    name = (
        f"{facts['implementation'].replace('cp', 'CP')} {facts['full']}{'t' if facts['free_threaded'] else ''}{where}"
    )
    return Python(facts["executable"], name, root)


def pythons_in(root: Path) -> list[Python]:
    """One interpreter of each version, oldest first."""
    folders = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep)] if root == Path("/") else []
    folders += [root / "usr/bin", root / "usr/local/bin"]
    if root == Path("/"):
        pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        folders = sorted(pyenv.glob("versions/*/bin")) + [each for each in folders if "shims" not in each.parts]
    candidates = [
        path
        for folder in folders
        for path in sorted(folder.glob("python3.*"))
        if re.fullmatch(r"python3\.\d+t?", path.name)
    ]
    found: dict[str, Python] = {}
    for path in candidates:
        inside = str(path if root == Path("/") else Path("/") / path.relative_to(root))
        if python := describe(inside, root):
            found.setdefault(python.name, python)
    return sorted(found.values(), key=lambda python: [int(part) for part in re.findall(r"\d+", python.name)])


def prove(python: Python, sdist: Path, *, compiler: bool) -> str:
    """Install and serve; a line of the table.

    Raises:
        Failure: what did not work, with the output.
    """
    work = Path(tempfile.mkdtemp(prefix="bicorn-prove-", dir=python.root / "tmp"))
    inside = Path("/") / work.relative_to(python.root)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BICORN_", "PYTHON"))}
    environ["PATH"] = (
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" if python.root != Path("/") else environ["PATH"]
    )
    if not compiler:
        environ["CC"] = "/bin/false"
    try:
        shutil.copy(sdist, work)
        (work / "apps.py").write_text(APPS)
        run(python.command(python.executable, "-m", "venv", str(inside / "venv")), environ)
        began = time.monotonic()
        pip = (str(inside / "venv/bin/python"), "-m", "pip", "install", "--verbose", "--no-cache-dir")
        said = run(python.command(*pip, str(inside / sdist.name)), environ)
        took = time.monotonic() - began
        tag = re.findall(r"bicorn-[^-\s]+-(\S+)\.whl", said)
        compiled = serve(python, inside, environ)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    notice = "said so" if "no compiled modules, it will run interpreted" in said else "said nothing"
    if compiled is not compiler:
        raise Failure(
            f"compiled: {compiled}, though the compiler {'works' if compiler else 'fails'} ({notice})\n{said}"
        )
    if not compiler and notice != "said so":
        raise Failure(f"the build did not say why nothing was compiled\n{said}")
    reading = "compiled" if compiled else "interpreted"
    return f"| {python.name} | {'yes' if compiler else 'no'} | {tag[-1] if tag else '?'} | {reading} | {took:.0f} s |"


def serve(python: Python, inside: Path, environ: dict[str, str]) -> bool:
    """One request to each app, then TERM; whether the modules that answered are compiled."""
    bicorn = str(inside / "venv/bin/bicorn")
    options = ["apps:asgi", "--mount", "/wsgi=apps:wsgi", "--bind", "127.0.0.1:0", "--app-dir", str(inside)]
    log = python.root / inside.relative_to("/") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(python.command(bicorn, *options), env=environ, stdout=output, stderr=output)
    try:
        address = wait_for_address(server, log)
        answers = [json.loads(fetch(address + path)) for path in ("/", "/wsgi/")]
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=20)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Failure(f"{error!r}\n{log.read_text()}") from error
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    if [answer["kind"] for answer in answers] != ["asgi", "wsgi"] or code != 0:
        raise Failure(f"answers {answers}, exit code {code}\n{log.read_text()}")
    return bool(answers[0]["compiled"])


def wait_for_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """The address the server says it listens on."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", log.read_text()):
            return found[0]
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise Failure(f"it never listened (exit code {server.poll()})\n{log.read_text()}")


def fetch(url: str) -> bytes:
    """The body of a response."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as response:
        body: bytes = response.read()
    return body


class Failure(Exception):
    """A proof that failed; the text says how."""


def run(command: list[str], environ: dict[str, str]) -> str:
    """Run to the end and return everything that was said."""
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} failed\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def build_sdist(directory: Path) -> Path:
    """The archive that every proof installs."""
    run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(directory)],
        {**os.environ, "PWD": str(ROOT)},
    )
    (sdist,) = directory.glob("*.tar.gz")
    return sdist


def main() -> None:
    """Prove everything, print a Markdown table, exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", action="append", default=[], metavar="PATH", help="an interpreter; repeatable")
    parser.add_argument("--chroot", action="append", default=[], metavar="DIR", type=Path, help="another root folder")
    parser.add_argument("--only", action="append", default=[], metavar="VERSION", help="such as 3.14; repeatable")
    options = parser.parse_args()
    os.chdir(ROOT)
    here = Path("/")
    pythons = [found for path in options.python if (found := describe(path, here))] or pythons_in(here)
    pythons += [python for root in options.chroot for python in pythons_in(root.resolve())]
    if options.only:
        pythons = [python for python in pythons if any(f" {version}." in python.name for version in options.only)]
    failed = not pythons
    with tempfile.TemporaryDirectory() as directory:
        sdist = build_sdist(Path(directory))
        print("| Python | compiler | wheel | reading | install |\n|---|---|---|---|--:|", flush=True)
        for python in pythons:
            for compiler in (True, False):
                try:
                    print(prove(python, sdist, compiler=compiler), flush=True)
                except Failure as failure:
                    failed = True
                    print(f"| {python.name} | {'yes' if compiler else 'no'} | FAILED | | |", flush=True)
                    print(failure, file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
