"""Autobahn's fuzzing client: an environment of its own, and one run of it against one server.

The suite is written for Python 2.7 and pins what it needs (PyPI: autobahntestsuite 25.10.1). Nothing else here wants
that Python, so it is looked for in this order: one that is installed (on PATH or among pyenv's; PyPy 2 will do), else
one inside a Debian 11 that `debootstrap` puts into benchmarks/.envs, which takes root and a minute.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import envs
from envs import ENVS, EnvironmentProblem, execute

SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv==20.21.1"
"""The last line of virtualenv that makes environments for Python 2.7."""
PIP = "pip==20.3.4"
"""The last pip that runs on Python 2.7."""
DEBIAN = "bullseye"
"""The last Debian with Python 2.7."""

MISSING = (
    "Autobahn's test suite needs Python 2.7 and none was found. Install one and name it (--python2 PATH; pyenv:"
    " pyenv install 2.7.18), or run this as root with debootstrap installed (Debian: apt-get install debootstrap)"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the suite said about one case (its `index.json`)."""

    behavior: str
    """OK, NON-STRICT, INFORMATIONAL, UNIMPLEMENTED, FAILED or WRONG CODE."""
    closing: str
    """The same of the way in which the connection was closed."""
    milliseconds: int
    remote_code: int | None

    @property
    def passed(self) -> bool:
        """OK or INFORMATIONAL in both."""
        return {self.behavior, self.closing} <= {"OK", "INFORMATIONAL"}


@dataclass(frozen=True, slots=True)
class Suite:
    """A fuzzing client that can be run.

    Attributes:
        command: what starts it; its arguments follow.
        root: the folder it sees as its root.
    """

    command: tuple[str, ...]
    root: Path = Path("/")

    def run(self, agent: str, url: str, cases: Sequence[str], limit: float, keep: Path) -> dict[str, Outcome]:
        """All of `cases` against one server; the suite's own pages are left in `keep`. Raises EnvironmentProblem."""
        with tempfile.TemporaryDirectory(prefix="autobahn-", dir=self.root / "tmp") as name:
            inside = Path("/", Path(name).relative_to(self.root))
            spec = {
                "outdir": str(inside / "reports"),
                "servers": [{"agent": agent, "url": url}],
                "cases": list(cases),
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            Path(name, "spec.json").write_text(json.dumps(spec))
            command = [*self.command, "--mode", "fuzzingclient", "--spec", str(inside / "spec.json")]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, cwd=name)
            except subprocess.TimeoutExpired:
                raise EnvironmentProblem(f"the fuzzing client did not end within {limit:.0f} s") from None
            reports = Path(name, "reports")
            index = reports / "index.json"
            if not index.exists():
                raise EnvironmentProblem(f"the fuzzing client ended with {done.returncode}: {done.stderr[-400:]}")
            shutil.rmtree(keep, ignore_errors=True)
            shutil.copytree(reports, keep)
            (found,) = json.loads(index.read_text()).values()
        return {
            case: Outcome(each["behavior"], each["behaviorClose"], each["duration"], each["remoteCloseCode"])
            for case, each in found.items()
        }


def prepare(python2: str | None = None) -> Suite:
    """The suite, installed if it is not yet; raises EnvironmentProblem with what is missing."""
    ENVS.mkdir(exist_ok=True)
    wstest = ENVS / "autobahn" / "bin" / "wstest"
    if wstest.exists() and not python2:
        return Suite((str(wstest),))
    if found := _python2(python2):
        print(
            f"preparing {(ENVS / 'autobahn').relative_to(envs.CHECKOUT)} (Autobahn's test suite on {found})", flush=True
        )
        _install(found)
        return Suite((str(wstest),))
    return _in_debian()


def _python2(named: str | None) -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [named] if named else [
        *(shutil.which(name) for name in ("python2.7", "pypy2", "pypy")),
        *map(str, pyenv.glob("versions/2.7*/bin/python")),
        *map(str, pyenv.glob("versions/pypy2.7*/bin/pypy")),
    ]  # fmt: skip
    for candidate in filter(None, candidates):
        question = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            answer = subprocess.run(question, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
        except OSError:
            continue
        if answer == "2.7":
            return candidate
    if named:
        raise EnvironmentProblem(f"{named} is not a Python 2.7")
    return None


def _install(python2: str) -> None:
    tools, target = ENVS / "virtualenv", ENVS / "autobahn"
    for folder in (tools, target):
        shutil.rmtree(folder, ignore_errors=True)
    execute([envs.interpreter(), "-m", "venv", str(tools)], "venv")
    execute([str(tools / "bin" / "pip"), "install", "-q", VIRTUALENV], "pip")
    execute([str(tools / "bin" / "virtualenv"), "-q", "-p", python2, str(target)], "virtualenv")
    try:
        execute([str(target / "bin" / "pip"), "install", "-q", SUITE], "pip")
    except EnvironmentProblem:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _in_debian() -> Suite:
    """The suite in a Debian 11 of its own, for machines without Python 2.7."""
    root = ENVS / DEBIAN
    suite = Suite(("chroot", str(root), "/usr/local/bin/wstest"), root)
    if (root / "usr/local/bin/wstest").exists():
        return suite
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise EnvironmentProblem(MISSING)
    print(
        f"preparing {root.relative_to(envs.CHECKOUT)} (a Debian with Python 2.7 for Autobahn's test suite)", flush=True
    )
    shutil.rmtree(root, ignore_errors=True)
    packages = "--include=python2.7-dev,gcc,libc6-dev,ca-certificates"
    execute(["debootstrap", "--variant=minbase", packages, DEBIAN, str(root)], "debootstrap")
    # There is no pip inside, and the Python out here has one.
    wheels = root / "wheels"
    execute([envs.interpreter(), "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), PIP], "pip")
    (pip,) = wheels.glob("pip-*.whl")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    for file in (certificates, Path("/etc/resolv.conf")):
        if file.exists():
            (root / file.relative_to("/")).unlink(missing_ok=True)
            shutil.copy(file, root / file.relative_to("/"))
    inside = ["chroot", str(root), "python2.7", f"/wheels/{pip.name}/pip"]
    execute([*inside, "install", "-q", PIP, "setuptools==44.1.1", "wheel==0.37.1"], "pip")
    execute(["chroot", str(root), "python2.7", "-m", "pip", "install", "-q", SUITE], "pip")
    return suite
