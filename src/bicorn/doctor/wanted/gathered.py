"""What is wanted, while it is being gathered."""

from __future__ import annotations

import os

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..facts import Stated, Wanted
from . import text


class Gathered:
    """Adds up what one file, or several that include each other, want."""

    def __init__(self) -> None:
        self.requirements: list[Requirement] = []
        self.constraints: list[Requirement] = []
        self.pins: list[Requirement] = []
        self.options: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.stated: list[Stated] = []
        self.requires_python = ""

    def add(self, line: str, where: str) -> None:
        """Adds a requirement as PEP 508 has it; what is none is noted."""
        found = text.requirement(line)
        if found is None:
            self.note(f"{where}: {line[:120]!r} is no requirement: left out")
        elif found.url and not found.url.startswith(("https:", "http:", "file:")):
            self.note(f"{where}: {found.name} comes from {found.url.partition('+')[0][:20]}: it is not looked at")
        else:
            self.requirements.append(found)

    def pin(self, name: str, version: str, marker: str, where: str) -> None:
        """Adds what a lock file has settled."""
        line = f"{name}=={version}" + (f" ; {marker}" if marker else "")
        found = text.requirement(line)
        if found is None:
            self.note(f"{where}: {line[:120]!r} cannot be read: left out")
        else:
            self.pins.append(found)

    def state(self, found: Requirement, file: str, hashed: bool = False) -> None:
        """Notes where a project is named, for whoever would change that line."""
        shown = os.path.abspath(file) if file.startswith(os.pardir) else file
        self.stated.append(Stated(str(canonicalize_name(found.name)), shown, hashed, str(found.specifier)))

    def note(self, words: str) -> None:
        """Adds a note, once; the first hundred are enough."""
        if words not in self.notes and len(self.notes) < 100:
            self.notes.append(words)

    def done(self, source: str) -> Wanted:
        """What was gathered."""
        return Wanted(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            pins=tuple(self.pins),
            source=source,
            requires_python=self.requires_python,
            notes=tuple(self.notes),
            options=tuple(self.options),
            stated=tuple(self.stated),
        )


def merged(parts: list[Wanted]) -> Wanted:
    """One of several. Beside something that has to be resolved, what a lock file has settled is a requirement."""
    if len(parts) == 1:
        return parts[0]
    settled = all(part.pins for part in parts)
    requirements = [item for part in parts for item in (part.requirements if settled or not part.pins else part.pins)]
    return Wanted(
        requirements=tuple(requirements),
        constraints=tuple(item for part in parts for item in part.constraints),
        pins=_unique([item for part in parts for item in part.pins]) if settled else (),
        source=", ".join(dict.fromkeys(part.source for part in parts)),
        requires_python=", ".join(dict.fromkeys(part.requires_python for part in parts if part.requires_python)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        options=tuple(dict.fromkeys(option for part in parts for option in part.options)),
        stated=tuple(row for part in parts for row in part.stated),
    )


def _unique(pins: list[Requirement]) -> tuple[Requirement, ...]:
    return tuple({(canonicalize_name(pin.name), str(pin.specifier), str(pin.marker)): pin for pin in pins}.values())
