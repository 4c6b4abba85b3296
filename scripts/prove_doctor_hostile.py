"""Prove that ``bicorn doctor`` stays small, quick and harmless whatever an index sends it.

    python scripts/prove_doctor_hostile.py [--only NAME ...]

An index on this machine sends archives of 500 MB, bombs, names that lead elsewhere, pages that never end
(``prove_doctor_hostile_cases.py``). For each the command runs once, as its user types it, with a home and a working
folder of its own that are compared with what they were before. Prints a table in Markdown; exit code 1 where one takes
more than 30 s or 200 MiB, ends in a traceback, prints a control character, writes outside of its cache, or runs code
of the package. Needs 600 MB of disk.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from prove_doctor_hostile_cases import Handler, Server, cases

SECONDS, MEMORY = 30.0, 200 << 20
MEASURE = """
import os, sys
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[2:]], os.environ)
_, status, used = os.wait4(child, 0)
open(sys.argv[1], "w").write(f"{used.ru_maxrss} {os.waitstatus_to_exitcode(status)}")
"""
"""A process of its own: a new one takes over the peak of the one that starts it."""

Listing = set[tuple[str, int, int]]


def listing(folder: Path) -> Listing:
    """Everything below a folder that is not the doctor's own cache: path, size and time."""
    own = f"{folder}/home/.cache/bicorn/doctor"
    on_the_way = {own, os.path.dirname(own), f"{folder}/home/.cache", f"{folder}/home"}
    found = (path for path in folder.rglob("*") if not str(path).startswith(f"{own}/"))
    return {(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in found if str(p) not in on_the_way}


def run(name: str, index: str, folder: Path) -> tuple[float, int, int, str, Listing]:
    """Seconds, bytes, exit status, what was printed, what was written."""
    for part in ("home", "here", "tmp"):
        (folder / part).mkdir(parents=True)
    environ = {"PATH": os.environ["PATH"], "HOME": f"{folder}/home", "TMPDIR": f"{folder}/tmp"}
    before, start = listing(folder), time.monotonic()
    measured = folder.parent / "measured"
    measured.write_text("0 1000")
    command = [sys.executable, "-ISc", MEASURE, str(measured), "-m", "bicorn", "doctor", name, "--index-url", index]
    try:
        done = subprocess.run(
            command,
            cwd=folder / "here",
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10 * SECONDS,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        output = "killed"
    memory, status = map(int, measured.read_text().split())
    return time.monotonic() - start, memory << 10, status, output, listing(folder) - before


def faults(took: float, memory: int, status: int, output: str, wrote: Listing) -> list[str]:
    """What is wrong, if anything."""
    wrong = {
        "TOO SLOW": took > SECONDS,
        "TOO LARGE": memory > MEMORY,
        "FAULT": "Traceback" in output or status not in (0, 1, 2),
        "CONTROL CHARACTERS": re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", output),
        f"WROTE {sorted(wrote)[:3]}": wrote,
        "RAN CODE": os.path.exists(Handler.mark),
    }
    return [words for words, is_so in wrong.items() if is_so]


def said(output: str) -> str:
    """Its words, on one line."""
    text = re.sub(r"http://127[\w.:]+/(simple|files)/?", "", output.replace("|", "/"))
    return " ".join(text.split())[:400]


def main() -> int:
    """Exit code 0 where every case stays in bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    given = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/simple"
    root = Path(tempfile.mkdtemp(prefix="doctor-hostile-"))
    Handler.folder, Handler.cases, Handler.mark = root, cases(closed), f"{root}/mark"
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bad = 0
    print("| sent | seconds | MiB | exit | said |\n|---|--:|--:|--:|---|", flush=True)
    try:
        for name, case in Handler.cases.items():
            if given.only and name not in given.only:
                continue
            if case.file:
                case.make(root / name)
            index = case.url or f"http://127.0.0.1:{server.server_address[1]}/simple"
            found = run(name + case.version, index, root / f"run-{name}")
            (root / name).unlink(missing_ok=True)
            wrong = faults(*found)
            bad += bool(wrong)
            took, memory, status, output, _ = found
            words = " ".join([*wrong, said(output)])
            print(f"| {case.shown} | {took:.1f} | {memory >> 20} | {status} | {words} |", flush=True)
    finally:
        server.shutdown()
        shutil.rmtree(root)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
