"""The Python itself: an environment whose interpreter is gone, PYTHONPATH, a pip that belongs to another Python."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping

from ..facts import Ailment
from .place import Place

MAX_SCRIPT = 4096


def check(place: Place, environ: Mapping[str, str]) -> Iterator[Ailment]:
    """What is wrong with it."""
    if place.prefix:
        yield from _gone(place)
    if place.running:
        yield from _paths(place, environ)
        yield from _other_environment(place, environ)
        yield from _pip(place, environ)


def _gone(place: Place) -> Iterator[Ailment]:
    settings = _settings(os.path.join(place.prefix, "pyvenv.cfg"))
    home = settings.get("home", "")
    python = os.path.join(place.prefix, "bin", "python")
    version = place.minor or settings.get("version", "").rpartition(".")[0] or "3"
    if home and not os.path.isdir(home):
        what = f"The Python that this environment was made with is gone: {home} is not there."
    elif os.path.islink(python) and not os.path.exists(python):
        what = f"The Python that this environment was made with is gone: {os.path.realpath(python)} is not there."
    else:
        return
    yield Ailment(
        "interpreter-gone",
        what,
        where=place.prefix,
        cure="Make it anew with a Python that is here; environments cannot be moved.",
        commands=(f"python{version} -m venv --clear '{place.prefix}'",),
    )


def _paths(place: Place, environ: Mapping[str, str]) -> Iterator[Ailment]:
    """PYTHONPATH goes before everything that is installed."""
    for folder in filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)):
        other = re.search(r"python(3\.\d{1,2})t?[/\\](?:site|dist)-packages", folder)
        if (other and other[1] != place.minor) or (not other and re.search(r"(site|dist)-packages/?$", folder)):
            said = f"packages of Python {other[1]}" if other else "packages of another environment"
            yield Ailment(
                "pythonpath",
                f"PYTHONPATH puts {said} before this environment's own.",
                where=folder,
                cure="Take it out of PYTHONPATH: compiled modules of another Python cannot be loaded.",
                commands=("unset PYTHONPATH",),
                severity="error" if other else "warning",
            )
        elif not os.path.isdir(folder) and not os.path.isfile(folder):
            yield Ailment(
                "pythonpath",
                "PYTHONPATH names a folder that is not there.",
                where=folder,
                severity="note",
                cure="Take it out.",
            )
    if home := environ.get("PYTHONHOME"):
        yield Ailment(
            "pythonhome",
            "PYTHONHOME is set: every Python takes its standard library from there, also one it does not fit.",
            where=home,
            cure="Unset it.",
            commands=("unset PYTHONHOME",),
            severity="warning",
        )


def _other_environment(place: Place, environ: Mapping[str, str]) -> Iterator[Ailment]:
    active = environ.get("VIRTUAL_ENV", "")
    if active and os.path.isdir(active) and not (place.prefix and os.path.samefile(active, place.prefix)):
        yield Ailment(
            "other-environment",
            "An environment is activated, and this is not its Python: bicorn was installed elsewhere.",
            where=active,
            cure="Install bicorn into the activated environment, or run it from there.",
            commands=("python -m pip install bicorn", "python -m bicorn doctor"),
            severity="warning",
        )


def _pip(place: Place, environ: Mapping[str, str]) -> Iterator[Ailment]:
    """Whose pip ``pip`` is: its script names an interpreter in its first line."""
    script = shutil.which("pip", path=environ.get("PATH", os.defpath))
    own = os.path.join(place.prefix, "bin") if place.prefix else ""
    if not script or not own or os.path.realpath(os.path.dirname(script)) == os.path.realpath(own):
        return
    yield Ailment(
        "other-pip",
        f"The pip on the PATH belongs to another Python{_of(script)}: what it installs is not seen here.",
        where=script,
        cure="Call this environment's own.",
        commands=("python -m pip --version",) if environ.get("VIRTUAL_ENV") else (f"{own}/python -m pip --version",),
        severity="note",
    )


def _of(script: str) -> str:
    try:
        with open(script, "rb") as file:
            first = file.read(MAX_SCRIPT).split(b"\n", 1)[0]
    except OSError:
        return ""
    match = re.match(rb"#! ?(/\S*python[\w.]*)$", first.strip())
    return f" ({match[1].decode('utf-8', 'replace')})" if match else ""


def _settings(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(64 * 1024).splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name.strip().lower(): value.strip() for name, mark, value in pairs if mark}
