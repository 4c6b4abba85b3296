"""What becomes of one dependency on one target.

A wheel that fits is installed. Where none does, an installer takes the source archive and builds it: what that needs is
read from the archive, and compared with what is known of the tools in it (``knowledge/``) and with what is here.
"""

from __future__ import annotations

import json
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from .. import __version__
from ..errors import DoctorError
from . import archive, wheels
from .builds import build as builds
from .builds import imports, outline
from .builds.build import Build
from .builds.limits import Objection, objections, of_sources
from .facts import File, Finding, Pick, Target, Verdict
from .index import metadata
from .index.client import Index
from .knowledge import library
from .toolchain import Toolchain

BRINGS_RUST = Version("1.8.2")
"""From this release on maturin fetches a Rust of its own where there is none (puccinialin)."""

DEEPEST = 1
"""Of build requirements that are themselves to be built: how many levels are looked at."""


def judge(pick: Pick, target: Target, index: Index, toolchain: Toolchain) -> Finding:
    """The verdict on one dependency; what cannot be read is UNKNOWN, and no error."""
    return _judge(pick, target, index, toolchain, 0)


def _judge(pick: Pick, target: Target, index: Index, toolchain: Toolchain, depth: int) -> Finding:
    notes = _notes(pick)
    if not pick.chosen:
        return Finding(pick.name, pick.version, target, Verdict.FAILS, _nothing(pick, target), notes=notes)
    if pick.chosen.is_wheel:
        return Finding(pick.name, pick.version, target, Verdict.WHEEL, wheels.fits(pick.chosen, target), notes=notes)
    try:
        insides = _insides(pick.chosen, index)
    except DoctorError as error:
        why = f"{_no_wheel(pick, target)}, and its source archive cannot be looked into: {error}"
        return Finding(pick.name, pick.version, target, Verdict.UNKNOWN, why, notes=notes)
    if insides.stopped:
        notes += (f"its source archive was not read to the end: {insides.stopped}",)
    return _of_source(pick, target, insides, index, toolchain, notes, depth)


def _insides(file: File, index: Index) -> archive.Insides:
    """What a source archive holds; large ones are fetched once, for all targets and all runs."""

    def look() -> tuple[str, bool]:
        with index.open(file) as opened:
            found = archive.look(opened, file.filename)
        return archive.to_json(found), not found.stopped

    return archive.from_json(index.remembered(f"insides {archive.EDITION} {outline.edition()}", file, look))


def _of_source(
    pick: Pick,
    target: Target,
    insides: archive.Insides,
    index: Index,
    toolchain: Toolchain,
    notes: tuple[str, ...],
    depth: int,
) -> Finding:
    build = builds.read(insides)
    itself = Requirement(f"{pick.name}=={pick.version}")
    against = [*objections(build, target, lambda wanted: newest(wanted, target, index), itself)]
    against += _remembered_sources(pick, insides, build, target, index, toolchain.programs.get("cc", ""))
    if not any(objection.sure for objection in against) and depth < DEEPEST:
        against += _of_requirements(build, target, index, toolchain, depth)
    against.sort(key=lambda objection: not objection.sure)
    needs = _needs(pick, build)
    missing = toolchain.missing(needs, target)
    made = f"{_no_wheel(pick, target)}; it is built from source ({_languages(build)})"
    if against and against[0].sure:
        because = "; ".join(dict.fromkeys(objection.why for objection in against if objection.sure))
        sources = tuple(f"source: {objection.source}" for objection in against if objection.source)
        why = f"{_no_wheel(pick, target)}, and its source cannot be built: {because}"
        return Finding(pick.name, pick.version, target, Verdict.FAILS, why, needs, missing, notes + sources)
    notes += tuple(f"{one.why} (source: {one.source})" if one.source else one.why for one in against)
    needed = [canonicalize_name(one.name) for one in pick.requires]
    notes += tuple(f"{said} (source: {source})" for said, source in imports.broken(insides, target, needed))
    if {"c", "c++"} & set(build.languages):
        notes += _says_no_more(insides, target)
    if build.whole and (not build.languages or build.optional):
        return Finding(pick.name, pick.version, target, Verdict.PURE_SOURCE, made, notes=notes)
    if missing:
        notes += _brings(build, missing, target, index)
        why = f"{made}, and {_and(missing)} {'is' if len(missing) == 1 else 'are'} not here"
        return Finding(pick.name, pick.version, target, Verdict.NO_TOOLCHAIN, why, needs, missing, notes)
    if against or not target.here or not build.whole:
        why = f"{made}, and {against[0].why}" if against else made
        return Finding(pick.name, pick.version, target, Verdict.UNKNOWN, why, needs, missing, notes)
    return Finding(pick.name, pick.version, target, Verdict.BUILDS, f"{made}; {_and(needs)} are here", needs, (), notes)


def _remembered_sources(
    pick: Pick, insides: archive.Insides, build: Build, target: Target, index: Index, compiler: str
) -> tuple[Objection, ...]:
    """What its C and C++ is not fit for; that follows from the archive and the target alone, and takes seconds."""

    def find() -> tuple[str, bool]:
        found = of_sources(insides, build, target, compiler)
        return json.dumps([(one.sure, one.why, one.source) for one in found]), not insides.stopped

    if not pick.chosen or not {"c", "c++"} & set(build.languages):
        return ()
    system = target.markers.get("sys_platform", "")
    about = f"{__version__} {outline.edition()} {target.implementation} {target.python} {target.free_threaded}"
    text = index.remembered(f"sources {about} {system} {target.here} {compiler}", pick.chosen, find)
    return tuple(Objection(*one) for one in json.loads(text))


def newest(wanted: Requirement, target: Target, index: Index) -> Version | None:
    """The newest release that a requirement admits and an installer would take on that target."""
    found = choose(wanted, target, index)
    return found.version if found else None


def choose(wanted: Requirement, target: Target, index: Index) -> Pick | None:
    """What an installer would take for one requirement on its own, without its dependencies."""
    name = canonicalize_name(wanted.name)
    try:
        project = index.project(name)
        for version in project.versions:
            if version.is_prerelease and not wanted.specifier.prereleases:
                continue
            if wanted.specifier.contains(version, prereleases=True):
                files = project.of(version)
                if chosen := best(files, target):
                    return Pick(name, version, files, chosen)
    except DoctorError:
        return None
    return None


def best(files: tuple[File, ...], target: Target) -> File | None:
    """What an installer takes of the files of one version: the wheel that fits best, else the source archive."""
    usable = [file for file in files if file.yanked is None and admits(file.requires_python, target)]
    ranks = target.ranks
    fitting = [(min(places), file) for file in usable if (places := [ranks[tag] for tag in file.tags if tag in ranks])]
    if fitting:
        return min(fitting, key=lambda entry: entry[0])[1]
    archives = [file for file in usable if not file.is_wheel and not file.filename.endswith(".whl")]
    return archives[-1] if archives else None  # of equals pip takes what the page has last


def admits(requires_python: str, target: Target) -> bool:
    """Whether a Requires-Python admits the target; one that cannot be read does, as with installers."""
    return not requires_python or contains(requires_python, target.python)


@lru_cache(8192)
def contains(requires_python: str, python: Version) -> bool:
    """Whether a specifier has that version, a prerelease too; one that cannot be read has. A page has a few, often."""
    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True


def _of_requirements(build: Build, target: Target, index: Index, toolchain: Toolchain, depth: int) -> list[Objection]:
    """What its build environment gets must be installed first; where that fails, so does the build."""
    found = []
    for wanted in build.requires:
        if wanted.url or (wanted.marker and not wanted.marker.evaluate(target.markers | {"extra": ""})):
            continue
        pick = choose(wanted, target, index)
        if pick is None:
            try:
                known = bool(index.project(canonicalize_name(wanted.name)).versions)
            except DoctorError:
                continue
            lacks = "nothing there is for this Python" if known else "the index does not have that"
            found.append(Objection(known, f"its build asks for {wanted}, and {lacks}"))
        elif pick.chosen and not pick.chosen.is_wheel:
            other = _judge(pick, target, index, toolchain, depth + 1)
            if not other.verdict.installs:
                why = f"its build asks for {pick.name} {pick.version}, and of that {other.why}"
                found.append(Objection(other.verdict is Verdict.FAILS, why))
    return found


def _nothing(pick: Pick, target: Target) -> str:
    """Why nothing can be chosen."""
    ruled_out = {file.requires_python for file in pick.files if not admits(file.requires_python, target)}
    if pick.files and len(ruled_out) and all(not admits(file.requires_python, target) for file in pick.files):
        return f"it says that it needs Python {' or '.join(sorted(ruled_out))}"
    if not pick.files:
        return pick.why_none or "the index has no file of it"
    return f"{_no_wheel(pick, target)}, and there is no source archive to build it from"


def _no_wheel(pick: Pick, target: Target) -> str:
    return wheels.none_fits(pick.files, target)


def _notes(pick: Pick) -> tuple[str, ...]:
    if pick.chosen and pick.chosen.yanked is not None:
        because = f": {pick.chosen.yanked}" if pick.chosen.yanked else ""
        return (f"{pick.name} {pick.version} was withdrawn (yanked){because}",)
    return ()


def _needs(pick: Pick, build: Build) -> tuple[str, ...]:
    if not build.languages or build.optional:
        return ()
    needs = []
    if "rust" in build.languages:
        rust = f"rustc >= {build.crate.rust}" if build.crate and build.crate.rust else "rustc"
        needs += [rust, "cargo", "cc"]
    if {"c", "cython"} & set(build.languages):
        needs.append("cc")
    if "c++" in build.languages:
        needs.append("c++")
    needs += build.tools
    if {"c", "c++", "cython"} & set(build.languages):
        needs.append("Python.h")
    if known := library(pick.name):
        needs += [need for need in (known.tool if known.tool == "pkg-config" else "", known.header) if need]
    return tuple(dict.fromkeys(needs))


def _brings(build: Build, missing: tuple[str, ...], target: Target, index: Index) -> tuple[str, ...]:
    wanted = build.requirement("maturin")
    if wanted and any(need.startswith(("rustc", "cargo")) for need in missing):
        version = newest(wanted, target, index)
        if version and version >= BRINGS_RUST:
            return (f"maturin {version} tries to fetch a Rust of its own, which needs the network",)
    return ()


def _says_no_more(insides: archive.Insides, target: Target) -> tuple[str, ...]:
    """C written by hand may use what a newer Python has removed: worth knowing where a release is older than that."""
    classifiers = metadata.parse(insides.texts.get("PKG-INFO", "")).classifiers
    said = [line.rpartition(" :: 3.")[2] for line in classifiers if ":: Python :: 3." in line]
    last = max((int(minor) for minor in said if minor.isdigit()), default=target.python.minor)
    if last >= target.python.minor:
        return ()
    return (f"it says that it supports Python up to 3.{last}: its C code may use what is gone since",)


def _languages(build: Build) -> str:
    shown = {"rust": "Rust", "c": "C", "c++": "C++", "cython": "Cython"}
    named = _and(tuple(shown[language] for language in build.languages))
    if not named:
        return "pure Python"
    return f"{named}, which may be left out" if build.optional else named


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
