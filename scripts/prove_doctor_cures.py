"""Prove the doctor's cures: each is carried out literally, in the system it was made for, and ends in a served app.

    python scripts/prove_doctor_cures.py --chroot DIR [--python 3.14]

DIR is another system's root folder (needs root), such as Debian sid's with Python 3.14, made as ``prove_install.py``
says. What is wanted is FastAPI with ``pydantic==2.9.2``, whose pydantic-core has no wheel for 3.14. pip fails there;
the doctor runs there too and proposes; then its commands are typed there one after the other, each cure in a folder of
its own, and Bicorn serves the app from the environment that they made.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = "fastapi==0.115.0\npydantic==2.9.2\n"
APP = """
import pydantic, sys
from fastapi import FastAPI

app = FastAPI()

class Item(pydantic.BaseModel):
    size: int

@app.post("/")
def post(item: Item) -> dict[str, str | int]:
    return {"size": item.size, "pydantic": pydantic.VERSION, "python": sys.version.split()[0]}
"""
ASK = """
import json, os, sys
from bicorn.doctor.cure.find import cures
from bicorn.doctor.index.client import connect
from bicorn.doctor.judge import judge
from bicorn.doctor.resolve import resolve
from bicorn.doctor.targets import parse
from bicorn.doctor.toolchain import look
from bicorn.doctor.wanted.read import read

target, tools, wanted = parse(sys.argv[1]), look(os.environ), read(sys.argv[2:], environ=os.environ)
with connect(environ=os.environ) as index:
    found = resolve(wanted, target, index)
    findings = tuple(index.each(lambda pick: judge(pick, target, index, tools), found.picks))
    ways = cures(wanted, [(found, findings)], index, tools, os.environ)
print(json.dumps({
    "findings": [[f.name, str(f.version), f.verdict.name, f.why, *f.notes] for f in findings],
    "cures": [[cure.title, cure.commands, cure.checked] for cure in ways],
}))
"""


class Inside:
    """Commands in the other system."""

    def __init__(self, root: str) -> None:
        self.root = root

    def sh(self, command: str, folder: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """One command line, typed in a folder."""
        script = f"cd {shlex.quote(folder)} && {command}"
        environ = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        }
        environ |= {"DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(
            ["chroot", self.root, "sh", "-c", script],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=environ,
        )

    def folder(self, name: str) -> str:
        """A new folder, by its name inside."""
        made = tempfile.mkdtemp(prefix=f"doctor-{name}-", dir=f"{self.root}/tmp")
        Path(made, "requirements.txt").write_text(REQUIREMENTS)
        Path(made, "app.py").write_text(APP)
        return made.removeprefix(self.root.rstrip("/"))


def cures(root: str, label: str) -> int:
    """The number of cures that did not end in a served app; one more where something else was not as it should be."""
    inside = Inside(root)
    wheel = _wheel()
    bad = 0
    shutil.copy(wheel, f"{root}/tmp")
    folder = inside.folder("asks")
    print(f"$ python{label} -m venv v && v/bin/pip install -r requirements.txt")
    done = inside.sh(f"python{label} -m venv v && v/bin/pip install -q -r requirements.txt", folder)
    print("  pip:", "succeeds" if not done.returncode else _last(done.stderr))
    bad += done.returncode == 0
    inside.sh(f"python{label} -m venv doctor && doctor/bin/pip install -q /tmp/{wheel.name}", folder)
    asked = inside.sh(f"doctor/bin/python -c {shlex.quote(ASK)} {label} requirements.txt", folder)
    if asked.returncode:
        raise SystemExit(f"the doctor fails: {asked.stderr[-2000:]}")
    said = json.loads(asked.stdout)
    _print_findings(said["findings"])
    foretold = any(verdict in ("FAILS", "NO_TOOLCHAIN") for _, _, verdict, *_ in said["findings"])
    bad += not foretold or len(said["cures"]) < 2
    for number, (title, commands, checked) in enumerate(said["cures"], 1):
        print(f"\nCure {number}: {title}\n  checked: {checked}")
        bad += not _carry_out(inside, commands, wheel.name)
    print(f"\n{len(said['cures'])} cures, {bad} bad")
    return bad


def _carry_out(inside: Inside, commands: list[str], wheel: str) -> bool:
    folder = inside.folder("cure")
    for command in commands:
        print(f"  $ {command}")
        done = inside.sh(command, folder)
        if done.returncode:
            print(f"    exit status {done.returncode}: {_last(done.stderr)}")
            return False
    environment = next(iter(Path(f"{inside.root}{folder}").glob(".venv-*"))).name
    done = inside.sh(f"{environment}/bin/python -m pip install -q /tmp/{wheel}", folder)
    return done.returncode == 0 and _serve(inside, folder, environment)


def _serve(inside: Inside, folder: str, environment: str) -> bool:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = f"cd {folder} && exec {environment}/bin/bicorn app:app --bind 127.0.0.1:{port}"
    server = subprocess.Popen(
        ["chroot", inside.root, "sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        answer = _post(f"http://127.0.0.1:{port}/")
    finally:
        server.terminate()
        output = server.communicate(timeout=30)[0].decode()
    print(f"    POST / {{size: 3}} → {answer or output[-600:]}")
    return answer is not None and answer.get("size") == 3


def _post(url: str) -> dict[str, Any] | None:
    request = urllib.request.Request(url, b'{"size": "3"}', {"Content-Type": "application/json"})
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                found: dict[str, Any] = json.load(response)
                return found
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    return None


def _print_findings(findings: list[list[str]]) -> None:
    for name, version, verdict, why, *notes in findings:
        if verdict != "WHEEL":
            print(f"doctor: {name} {version}: {verdict}: {why}", *notes, sep="\n        ")
    print(f"doctor: {sum(row[2] == 'WHEEL' for row in findings)} of {len(findings)} install from a wheel")


def _wheel() -> Path:
    """Bicorn's own, interpreted: it fits every Python."""
    folder = tempfile.mkdtemp(prefix="doctor-wheel-")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, str(ROOT)]
    subprocess.run(command, check=True, env={**os.environ, "BICORN_BUILD": "pure"})
    return next(Path(folder).glob("bicorn-*.whl"))


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"(?i)error|newer than", line)]
    return " / ".join((errors or lines)[-3:])[:400]


def main() -> int:
    """Exit code 0 where each cure ends in a served app."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chroot", required=True, metavar="DIR")
    parser.add_argument("--python", default="3.14")
    given = parser.parse_args()
    return min(cures(given.chroot, given.python), 1)


if __name__ == "__main__":
    sys.exit(main())
