"""Prove how long ``bicorn doctor`` takes: well-known applications, checked with an empty cache and again.

    python scripts/prove_doctor_apps.py FOLDER --cache DIR [--delay 0.02] [--select NAME]... [--python 3.13]

``FOLDER/NAME/`` holds what an application is installed from; ``DIR`` is what pip has fetched of it, replayed as an
index (``replay.py``) that waits ``--delay`` seconds before each answer. Each application is one process with a cache
folder of its own, empty (cold) and then filled (warm). It prints a Markdown table; "absent" are requests for what pip
had not fetched, which were answered with 404. "100 pins" is a lock file of a hundred of all those dependencies.

The exit code is 1 where one takes over 10 s cold, the hundred pins over 10 s cold or 1 s warm, or one does not finish
or ends in a traceback. Processor seconds are shown too, as another's load makes a clock slower but not those. In
brackets behind 60 dependencies or more: seconds for a hundred at that rate.

The files are others' and not part of this repository. The figures of ``docs/doctor.md`` are of these, of the lock files
only names, versions, edges and markers (the rest is not read), of weblate the tables ``build-system`` and ``project``
without extras, of CTFd without comments:

| application | repository, file | commit |
|---|---|---|
| healthchecks | healthchecks/healthchecks, requirements.txt | e1344e10b345fa311715df7d2a2a930acb78d2f3 |
| ctfd | CTFd/CTFd, requirements.txt (pip-compile) | c58a9f6818f77545d0bd570e1b5edfd4ba6f94a3 |
| calibre-web | janeczku/calibre-web, requirements.txt (ranges) | 054256067a20fc3f13e27cae563e570462ea1828 |
| netbox | netbox-community/netbox, requirements.txt | 002e8de1be7d828ab561f1c5b2c44b5d4bcf9cec |
| open-webui | open-webui/open-webui, backend/requirements.txt | 0018c3dd57507714684db7a4e81dc75e1b105de8 |
| bakerydemo | wagtail/bakerydemo, requirements/production.txt (-r base) | 428092df6d4b764d3769952ef2a6b4949767bae2 |
| weblate | WeblateOrg/weblate, pyproject.toml (PEP 621) | 000d995c0bb5cc9ff04ddb41794d1e1d66f1c994 |
| babybuddy | babybuddy/babybuddy, Pipfile.lock, without its source URL | 099e393f3650ac77799502e723be7f5641c9425e |
| shynet | milesmcc/shynet, poetry.lock, without the category dev | 060a9b2a9678421b552a1f13c5f8e2c89804ad36 |
| linkding | sissbruecker/linkding, uv.lock | 0f7229302c451593234eb95fc80f6aca28e2ce7c |
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import replay

LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
FILES = (*LOCKS, "requirements/production.txt", "requirements.txt", "pyproject.toml")
COLD, WARM = 10.0, 1.0
PATIENCE = 120.0
HUNDRED = "100 pins"
HEAD = """\
| application | file | dependencies | verdict | cold, s | warm, s | cold, processor | warm, processor | requests \
| absent | warm requests | peak |
|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"""
EXITS = {0: "nothing in the way", 1: "something fails", 2: "not examined"}


@dataclass
class Run:
    """One process."""

    status: int
    seconds: float
    processor: float
    peak: int
    asked: int
    absent: int
    said: str
    told: str
    pins: dict[str, str] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        """What must not be, whatever it says of the application."""
        if "Traceback" in self.told:
            return "traceback"
        return "" if self.status in (0, 1) else EXITS.get(self.status, f"ended with {self.status}")


def run(file: Path, python: str, url: str, kept: replay.Kept, folder: str) -> Run:
    """Examines a file, with a folder for the cache."""
    command = [sys.executable, "-m", "bicorn", "doctor", file.name, "--python", python]
    command += ["--index-url", url, "--format", "json"]
    environ = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_CACHE_HOME": folder, "PIP_CONFIG_FILE": os.devnull}
    environ["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")  # of another Bicorn than the one installed
    asked, absent = kept.asked, sum(kept.missed.values())
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        started, peak = time.monotonic(), 0
        process = subprocess.Popen(command, stdout=out, stderr=error, env=environ, cwd=file.parent)
        while True:
            peak = resident(process.pid) or peak
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - started > PATIENCE:
                process.kill()
            time.sleep(0.01)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
        out.seek(0)
        error.seek(0)
        said, told = out.read(), error.read()
    return Run(
        status=process.returncode,
        seconds=seconds,
        processor=used.ru_utime + used.ru_stime,
        peak=peak or used.ru_maxrss >> 10,
        asked=kept.asked - asked,
        absent=sum(kept.missed.values()) - absent,
        said=said,
        told=told,
        pins=pins(said),
    )


def resident(pid: int) -> int:
    """The most memory it has had so far, in MiB (Linux); its ``ru_maxrss`` begins with what this process has."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)


def pins(said: str) -> dict[str, str]:
    """What was settled, from the JSON that it prints."""
    try:
        rows = json.loads(said)["dependencies"]
    except ValueError:
        return {}
    return {row["name"]: row["version"] for row in rows if row["version"]}


def row(name: str, file: Path, cold: Run, warm: Run) -> str:
    """One line of the table."""
    count = len(cold.pins)
    rate = f" ({cold.seconds * 100 / count:.1f})" if count >= 60 else ""
    verdict = cold.fault or warm.fault or EXITS[cold.status]
    cells = [name, file.name, str(count), verdict, f"{cold.seconds:.1f}{rate}", f"{warm.seconds:.2f}"]
    cells += [f"{cold.processor:.1f}", f"{warm.processor:.2f}", f"{cold.asked}", f"{cold.absent}", f"{warm.asked}"]
    return f"| {' | '.join([*cells, f'{max(cold.peak, warm.peak)} MiB'])} |"


def hundred(found: dict[str, str], folder: str) -> Path:
    """A lock file of a hundred of them, evenly out of the alphabet."""
    names = sorted(found)
    chosen = [names[place * len(names) // 100] for place in range(100)] if len(names) >= 100 else names
    lines = ['lock-version = "1.0"', 'created-by = "prove_doctor_apps"']
    for name in chosen:
        lines += ["", "[[packages]]", f'name = "{name}"', f'version = "{found[name]}"']
    file = Path(folder, "pylock.toml")
    file.write_text("\n".join(lines) + "\n")
    return file


def examine(name: str, file: Path, python: str, url: str, kept: replay.Kept) -> tuple[list[str], dict[str, str]]:
    """Prints an application's row; what is wrong with it, and its pins."""
    with tempfile.TemporaryDirectory() as folder:
        cold = run(file, python, url, kept, folder)
        warm = run(file, python, url, kept, folder)
    print(row(name, file, cold, warm), flush=True)
    wrong = [f"{name}: {each.fault}: {(each.told or each.said)[-2000:]}" for each in (cold, warm) if each.fault]
    if cold.seconds > COLD:
        wrong.append(f"{name}: {cold.seconds:.1f} s cold")
    if name == HUNDRED and warm.seconds > WARM:
        wrong.append(f"{name}: {warm.seconds:.2f} s warm")
    return wrong, cold.pins


def main() -> int:
    """Exit code 0 where all are fast enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", action="append", required=True, type=Path, metavar="DIR")
    parser.add_argument("--delay", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--select", action="append", default=[], metavar="NAME")
    parser.add_argument("--python", default="3.13", metavar="VERSION")
    given = parser.parse_args()
    wrong: list[str] = []
    found: dict[str, str] = {}
    print(HEAD)
    with replay.serving(given.cache, delay=given.delay) as (url, kept), tempfile.TemporaryDirectory() as folder:
        for place in sorted(path for path in given.folder.iterdir() if path.is_dir()):
            file = next((place / name for name in FILES if (place / name).is_file()), None)
            if file and (not given.select or place.name in given.select):
                faults, settled = examine(place.name, file, given.python, url, kept)
                wrong += faults
                found.update(settled)
        if found and (not given.select or HUNDRED in given.select):
            wrong += examine(HUNDRED, hundred(found, folder), given.python, url, kept)[0]
        absent = ", ".join(sorted(path.rpartition("/")[2] or path for path in kept.missed)) or "nothing"
    print(f"\nnot among what pip has fetched: {absent}", file=sys.stderr)
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
