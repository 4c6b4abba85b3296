"""Prepare what the benchmark runs with: one virtual environment, Bicorn built from this checkout, a certificate.

Everything lives under benchmarks/.envs, which git ignores. A second call does only what has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from servers import HERE, SERVERS

CHECKOUT = HERE.parent
ENVS = HERE / ".envs"
PYTHON = "3.13"
INSTALL_LIMIT = 900.0

LIBEV = "bjoern is left out: it did not build. It needs libev and a C compiler (Debian: apt-get install libev-dev gcc)"


class EnvironmentProblem(Exception):
    """The environment cannot be prepared; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What `prepare` made."""

    bin_dir: Path
    certificate: tuple[Path, Path]
    versions: dict[str, str]
    """Installed distributions by lower-case name."""
    notes: tuple[str, ...]

    def has(self, server: str) -> bool:
        return SERVERS[server].distribution in self.versions


def prepare(build: bool = True) -> Environment:
    """Bring the environment up to date; prints a line for each thing that takes time.

    Args:
        build: Bicorn too; otherwise it stays as it was, or missing.
    """
    ENVS.mkdir(exist_ok=True)
    python = ENVS / "peers" / "bin" / "python"
    notes = [*_install_peers(python), *(_install_bicorn(python) if build else [])]
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, timeout=120, check=True
    )
    versions = {entry["name"].lower(): str(entry["version"]) for entry in json.loads(listed.stdout)}
    return Environment(python.parent, _certificate(), versions, tuple(notes))


def site(name: str, requirements: Path) -> Path:
    """A folder of further distributions, brought up to date, for the PYTHONPATH of those who want them."""
    folder, stamp = ENVS / f"site-{name}", ENVS / f"site-{name}.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not (folder.is_dir() and stamp.exists() and stamp.read_text() == digest):
        print(f"preparing {folder.relative_to(CHECKOUT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _pip(ENVS / "peers" / "bin" / "python", "install", "--target", str(folder), "-r", str(requirements))
        stamp.write_text(digest)
    return folder


def _install_peers(python: Path) -> list[str]:
    requirements = HERE / "requirements.txt"
    stamp = ENVS / "peers.json"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and python.exists():
        known = json.loads(stamp.read_text())
        if known["digest"] == digest:
            return list(known["notes"])
    print(f"preparing {python.parent.parent.relative_to(CHECKOUT)} (the peers and the frameworks)", flush=True)
    shutil.rmtree(ENVS / "peers", ignore_errors=True)
    execute([interpreter(), "-m", "venv", str(ENVS / "peers")], "venv")
    _pip(python, "install", "-r", str(requirements))
    notes: list[str] = []
    if not _pip_succeeds(python, "install", "gunicorn[fast]>=27,<28"):
        _pip(python, "install", "gunicorn_h1c")
        notes.append("gunicorn[fast] did not resolve: the newest gunicorn_h1c there is was installed beside Gunicorn")
    if not _pip_succeeds(python, "install", "bjoern"):
        notes.append(LIBEV)
    stamp.write_text(json.dumps({"digest": digest, "notes": notes}))
    return notes


def _install_bicorn(python: Path) -> list[str]:
    """Build the compiled wheel of this checkout, if its sources have changed since the last time, and install it."""
    sources = sorted(
        path
        for path in (*CHECKOUT.glob("src/**/*"), CHECKOUT / "pyproject.toml", CHECKOUT / "hatch_build.py")
        if path.suffix in {".py", ".pxd", ".toml"}
    )
    hasher = hashlib.sha256()
    for path in sources:
        if path.exists():
            hasher.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    stamp = python.parent.parent / "bicorn.sha256"
    if stamp.exists() and stamp.read_text() == hasher.hexdigest():
        return []
    print("building Bicorn's compiled wheel from this checkout", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-wheel-") as target:
        command = [str(python), "-m", "pip", "wheel", "-q", "--no-deps", "-w", target, str(CHECKOUT)]
        built = subprocess.run(
            command,
            env=os.environ | {"BICORN_BUILD": "require"},
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
        wheels = list(Path(target).glob("*.whl"))
        if built.returncode != 0 or not wheels:
            _pip_succeeds(python, "uninstall", "-y", "bicorn")
            stamp.unlink(missing_ok=True)
            return ["Bicorn is left out: its wheel did not build: " + " | ".join(built.stderr.splitlines()[-5:])[-500:]]
        _pip(python, "install", "--force-reinstall", "--no-deps", str(wheels[0]))
        _pip(python, "install", str(wheels[0]))
    stamp.write_text(hasher.hexdigest())
    return []


def _certificate() -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, with its key in PKCS#8, the one form every server takes."""
    certificate, key = ENVS / "cert.pem", ENVS / "key.pem"
    if not (certificate.exists() and key.exists()):
        if shutil.which("openssl") is None:
            raise EnvironmentProblem("openssl is missing. Debian, Ubuntu: apt-get install openssl")
        execute(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", str(key), "-out", str(certificate), "-days", "3650", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1"],
            "openssl",
        )  # fmt: skip
    return certificate, key


def interpreter() -> str:
    """CPython 3.13, which the published figures are for; a pyenv shim on PATH may exist without working."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        sys.executable,
        shutil.which(f"python{PYTHON}"),
        *map(str, pyenv.glob(f"versions/{PYTHON}*/bin/python")),
    ]
    question = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True, timeout=20, check=False)
        if answer.stdout.split() == ["cpython", PYTHON]:
            return candidate
    raise EnvironmentProblem(f"CPython {PYTHON} is missing: the figures are for that version (python{PYTHON})")


def _pip(python: Path, *arguments: str) -> None:
    execute([str(python), "-m", "pip", arguments[0], "-q", "--disable-pip-version-check", *arguments[1:]], "pip")


def _pip_succeeds(python: Path, *arguments: str) -> bool:
    try:
        _pip(python, *arguments)
    except EnvironmentProblem:
        return False
    return True


def execute(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    if done.returncode != 0:
        raise EnvironmentProblem(f"{name} failed ({' '.join(command[-3:])}): {done.stderr.strip()[-600:]}")
