"""From what the user has typed to what is wanted."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from ...errors import DoctorError
from ..facts import Wanted
from ..index import filenames
from . import application, environment, pyproject, text
from .gathered import Gathered, merged
from .locks import READERS
from .requirements import Reader

PROJECT_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile.lock",
    "requirements.txt",
    "pyproject.toml",
)
"""What says what a project needs, the most exact first."""

_APPLICATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?")
_LEVELS = 5  # that an application may be below its project's files


def read(
    what: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: str = "",
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    constraints: Sequence[str] = (),
) -> Wanted:
    """Reads files, folders, environments, applications (``main:app``) and requirements (``"pydantic==2.9.2"``).

    Args:
        what: nothing means the project in the directory, or else the running environment.
        environ: for variables in requirements files.
        directory: where files are looked for; the working directory when empty.
        extras: a project's optional dependencies to add.
        groups: a project's dependency groups to add (PEP 735, or Poetry's).
        constraints: files of constraints, as pip is set up with them (``Index.settings.constraints``).

    Raises:
        DoctorError: something cannot be read.
    """
    asked = _Asked(environ, os.path.abspath(directory or "."), tuple(extras), tuple(groups))
    parts = [asked.one(item) for item in what] or [asked.nothing()]
    wanted = merged(parts)
    limits = Gathered()
    for path in constraints:
        asked.reader(limits).file(os.path.join(asked.directory, os.path.expanduser(path)), constraints=True)
    return wanted.replace(constraints=(*wanted.constraints, *limits.constraints), notes=(*wanted.notes, *limits.notes))


class _Asked:
    """What all items have in common."""

    def __init__(
        self, environ: Mapping[str, str], directory: str, extras: tuple[str, ...], groups: tuple[str, ...]
    ) -> None:
        self.environ, self.directory, self.extras, self.groups = environ, directory, extras, groups

    def one(self, item: str) -> Wanted:
        """What one item wants."""
        path = os.path.join(self.directory, os.path.expanduser(item))
        if places := environment.folders(path) if os.path.exists(path) else []:
            into = Gathered()
            environment.read(places, into)
            return into.done(item)
        if os.path.isdir(path):
            return self._project(path, item)
        if os.path.isfile(path):
            return self._file(path, item)
        if _APPLICATION.fullmatch(item):
            return self._application(item)
        return self._requirement(item)

    def nothing(self) -> Wanted:
        """Where nothing is named: the project here, or what is installed."""
        if self._project_file(self.directory):
            return self._project(self.directory, "this project")
        into = Gathered()
        environment.read(None, into)
        return into.done("this environment")

    def reader(self, into: Gathered) -> Reader:
        """Reads requirements files into what is gathered."""
        return Reader(into, self.environ, self._folder, self.directory)

    def _file(self, path: str, shown: str) -> Wanted:
        into, name = Gathered(), os.path.basename(path)
        if re.fullmatch(r"pylock\.[^.]+\.toml", name):
            name = "pylock.toml"
        if name in READERS:
            READERS[name](path, into, self.extras, self.groups)
            self._beside(path, into)
        elif name == "pyproject.toml":
            pyproject.read(path, into, self.extras, self.groups, self.reader(into).file)
        elif name == "setup.cfg":
            pyproject.setup_cfg(path, into, self.extras)
        elif named := filenames.split(name):
            into.add(f"{named[0]} @ file://{os.path.abspath(path)}", shown)
        elif name.endswith((".py", ".toml", ".lock", ".json", ".yml", ".yaml")):
            known = ", ".join((*PROJECT_FILES, "setup.cfg"))
            raise DoctorError(f"{shown} is nothing that says what is needed. Known are {known} and requirements files.")
        else:
            self.reader(into).file(path)
        return into.done(shown)

    def _beside(self, lock: str, into: Gathered) -> None:
        """What the project itself says, which limits what its lock file can be moved to."""
        path, own = os.path.join(os.path.dirname(lock), "pyproject.toml"), Gathered()
        if os.path.isfile(path):
            with suppress(DoctorError):
                pyproject.read(path, own, self.extras, self.groups, lambda _: None)
            for found in own.requirements:
                into.state(found, os.path.relpath(path, self.directory))

    def _project(self, folder: str, shown: str) -> Wanted:
        path = self._project_file(folder)
        if path:
            return self._file(
                path, os.path.basename(path) if shown == "this project" else os.path.join(shown, os.path.basename(path))
            )
        into = Gathered()
        self._folder(folder, self.extras, into)
        if not into.requirements and not into.notes:
            raise DoctorError(f"{shown} has nothing that says what is needed: none of {', '.join(PROJECT_FILES)}")
        return into.done(shown)

    def _project_file(self, folder: str) -> str:
        """The file that says it best; with extras or groups one that has them."""
        names = (
            PROJECT_FILES
            if not (self.extras or self.groups)
            else [name for name in PROJECT_FILES if name != "requirements.txt"]
        )
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and (name != "pyproject.toml" or _declares(path)):
                return path
        return ""

    def _folder(self, folder: str, extras: Collection[str], into: Gathered) -> None:
        """A project that is named as a requirement: what its own metadata says."""
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path):
            pyproject.read(path, into, extras, (), self.reader(into).file)
        else:
            pyproject.setup_cfg(os.path.join(folder, "setup.cfg"), into, extras)

    def _application(self, target: str) -> Wanted:
        path = application.find(target, self.directory)
        depth = target.partition(":")[0].count(".") + 1 + path.endswith("__init__.py")
        root = os.path.abspath(os.path.join(path, *[os.pardir] * depth))
        folder = root
        for _ in range(_LEVELS):
            if found := self._project_file(folder):
                wanted = self._file(found, os.path.relpath(found, self.directory))
                return wanted.replace(source=f"{target}, by {wanted.source}")
            if os.path.exists(os.path.join(folder, ".git")) or folder == os.path.dirname(folder):
                break
            folder = os.path.dirname(folder)
        into = Gathered()
        application.read(path, root, into)
        return into.done(f"the imports of {target}")

    def _requirement(self, item: str) -> Wanted:
        into = Gathered()
        found = text.requirement(item)
        if not found:
            raise DoctorError(
                f"{item[:120]!r} is no file here, no application (main:app) and no requirement (name==1.0)"
            )
        into.add(item, "the command line")
        return into.done("the command line")


def _declares(path: str) -> bool:
    """Whether a ``pyproject.toml`` says what is needed; many only set up tools."""
    document = text.toml(path)
    return "project" in document or "dependency-groups" in document or "poetry" in text.table(document.get("tool"))
