"""What the doctor's parts tell each other.

The way of one examination: what is wanted (``wanted``) and for which interpreters (``targets``) → what an index has
(``index``) → which versions an installer would take (``resolve``) → what becomes of each (``judge``) → ways out
(``cure``) → words (``report``). Each step reads and makes the records below, and nothing else.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property

from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.version import Version

from ..record import Record


class Target(Record):
    """An interpreter on a platform.

    Args:
        label: as it was asked for and is shown: ``"3.14"``, ``"3.14t"``, ``"pp3.11"``; with ``" on musllinux_1_2"``
            where that is not this machine.
        python: the whole version where it is known, for markers and Requires-Python: ``"3.14.0"``.
        tags: the wheel tags it takes, the best first.
        markers: the environment of PEP 508, without ``extra``.
        here: whether it is this machine's platform, so that its toolchain and its packages say something.
    """

    label: str
    python: Version
    tags: tuple[Tag, ...]
    markers: dict[str, str]
    free_threaded: bool = False
    implementation: str = "cpython"
    here: bool = True

    @cached_property
    def ranks(self) -> dict[Tag, int]:
        """The place of each tag; the best has the lowest."""
        return {tag: rank for rank, tag in enumerate(self.tags)}


class Stated(Record):
    """A line of a requirements or constraints file, or of the ``pyproject.toml`` beside a lock file.

    Args:
        name: normalized.
        file: its path, from the folder that was looked in.
        hashed: whether the line has hashes.
        asked: of which versions, as it is written.
    """

    name: str
    file: str
    hashed: bool = False
    asked: str = ""


class Wanted(Record):
    """What is to be installed.

    Args:
        requirements: the direct ones; markers are kept, hashes and options are not part of them.
        constraints: limits on whatever is installed (``-c``).
        pins: what a lock file has settled: every package of the resolution, as ``name==version`` with its marker.
            Where there are pins nothing is resolved.
        source: where it comes from, to be shown: ``"requirements.txt"``, ``"this environment"``.
        requires_python: the project's own, if it says so.
        notes: what could not be read or is left out, in words.
        options: what requirements files say of indexes, under pip's names: ``("extra-index-url", "https://...")``.
        stated: in which requirements files, and how.
    """

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    pins: tuple[Requirement, ...] = ()
    source: str = ""
    requires_python: str = ""
    notes: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    stated: tuple[Stated, ...] = ()


class File(Record):
    """A file of an index.

    Args:
        url: absolute.
        size: in bytes; 0 where the index does not say.
        hashes: algorithm → hexadecimal digest.
        yanked: why it was withdrawn (PEP 592); None where it was not.
        tags: a wheel's; empty for a source archive.
        metadata: whether its metadata file (PEP 658) is announced.
    """

    name: str
    filename: str
    version: Version
    url: str
    size: int = 0
    hashes: dict[str, str] = {}
    requires_python: str = ""
    yanked: str | None = None
    tags: frozenset[Tag] = frozenset()
    metadata: bool = False

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel, not a source archive."""
        return bool(self.tags)


class Pick(Record):
    """What an installer would install of one project for one target.

    Args:
        name: normalized.
        files: every file of this version, whether it fits or not.
        chosen: what an installer would take: the best wheel that fits, else the source archive; None where there is
            neither, or nothing that Requires-Python admits.
        requires: what it depends on, as far as the target's markers go.
        wanted_by: who wants it: ``"requirements.txt"`` or names of other picks.
        known: whether its dependencies could be had without running code.
        why_none: where nothing is chosen: why.
    """

    name: str
    version: Version
    files: tuple[File, ...]
    chosen: File | None
    requires: tuple[Requirement, ...] = ()
    wanted_by: tuple[str, ...] = ()
    known: bool = True
    why_none: str = ""


class Resolution(Record):
    """What an installer would install for one target.

    Args:
        picks: by name.
        conflict: why there is no solution; empty where there is one.
    """

    target: Target
    picks: tuple[Pick, ...]
    conflict: str = ""


class Verdict(Enum):
    """What becomes of one dependency on one target, the worst last."""

    WHEEL = "installs from a wheel"
    PURE_SOURCE = "installs from source, which needs no compiler"
    BUILDS = "builds from source, and what that needs is here"
    UNKNOWN = "may build from source"
    NO_TOOLCHAIN = "builds from source, and what that needs is not here"
    FAILS = "will fail"

    @property
    def installs(self) -> bool:
        """Whether an installation gets past it, as far as can be foretold."""
        return self in (Verdict.WHEEL, Verdict.PURE_SOURCE, Verdict.BUILDS)


class Finding(Record):
    """The verdict on one dependency for one target.

    Args:
        why: one sentence; for a failure with its cause and its source: ``"PyO3 0.22.2 supports CPython up to 3.13"``.
        needs: tools and libraries that a build needs, by their common names: ``"rustc"``, ``"cc"``, ``"Python.h"``.
        missing: those of them that are not here.
        notes: what is worth knowing and no failure: yanked, free-threading not declared.
        first_good: the first later version that installs on the target, where it was looked for.
    """

    name: str
    version: Version | None
    target: Target
    verdict: Verdict
    why: str = ""
    needs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    first_good: Version | None = None


class Cure(Record):
    """A way out.

    Args:
        title: what it does, in one line: ``"Stay on Python 3.13, the newest on which everything installs"``.
        commands: to be typed one after the other on this system.
        changes: pins to change: (name, from, to, why).
        checked: what was looked at, so that the commands are known to work here; empty where nothing could be.
    """

    title: str
    commands: tuple[str, ...] = ()
    changes: tuple[tuple[str, str, str, str], ...] = ()
    checked: str = ""


class Ailment(Record):
    """Something wrong with the environment itself, or with a build that has failed.

    Args:
        kind: a short name, stable for programs: ``"other-python"``, ``"missing-library"``, ``"no-compiler"``.
        what: one sentence.
        where: the file, package or log line.
        cure: what to do, in one sentence.
        commands: to be typed.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        evidence: the lines of a log that say so.
    """

    kind: str
    what: str
    where: str = ""
    cure: str = ""
    commands: tuple[str, ...] = ()
    severity: str = "error"
    evidence: tuple[str, ...] = ()


class Examination(Record):
    """All that was found.

    Args:
        wanted: what was asked about; None where only the environment or a log was looked at.
        resolutions, findings: for each target in the order they were asked for.
        ailments: of the environment.
        cures: the best first.
        took: seconds.
        notes: what is worth knowing of the whole: what the index left out, a Python's end of life.
    """

    wanted: Wanted | None
    targets: tuple[Target, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    findings: tuple[Finding, ...] = ()
    ailments: tuple[Ailment, ...] = ()
    cures: tuple[Cure, ...] = ()
    took: float = 0.0
    notes: tuple[str, ...] = ()
