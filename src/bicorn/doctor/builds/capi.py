"""What the C and C++ of an archive uses and a Python no longer has.

The files that the build compiles are gone through as a preprocessor does, with what they include from the archive,
for the one Python that is asked about. A use counts for sure only where every condition around it holds for sure, and
where nothing in the archive defines the name itself. Whatever else may stand in the way of a compiler is not looked
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import commonpath, dirname, join, normpath

from ...record import Record
from ..archive import Insides
from ..facts import Target
from ..knowledge import Api, api
from . import conditions, outline
from .compiled import compiled
from .outline import SOURCES

DEEPEST = 40
MOST_STEPS = 200_000

_WORD = re.compile(r"\w+")
_EXPORTED = re.compile(r"\bPyAPI_(?:FUNC|DATA)\s*\([^()]*\)\s*")
_NO_TYPE = re.compile(r"\b(?:return|else|goto|case|throw|sizeof|new|delete|in|and|or|not)\b")

Known = dict[str, tuple[bool | None, int | None]]
Line = tuple[int, str, str]
Used = tuple[tuple[str, ...], tuple[tuple[str, int, int], ...]]
"""What a line assigns to, and the names in it with their places."""


class Use(Record):
    """A use of what is gone.

    Args:
        sure: whether it is compiled, and fails to.
        implicit: whether C before C23 takes it for a function that is declared nowhere: a compiler may let it pass, and
            the module then cannot be imported.
    """

    path: str
    line: int
    what: Api
    sure: bool
    implicit: bool

    @property
    def shown(self) -> str:
        """In words."""
        where, name = f"{self.path}:{self.line}", self.what.name
        used = {
            "header": f"includes {name}",
            "member": f"uses the member {name}",
            "assigned": f"assigns to {name}()",
            "called": f"calls {name}() with {self.what.arguments} arguments",
        }
        gone = "which no longer works" if self.what.kind in ("assigned", "called") else "which is gone"
        return f"{where} {used.get(self.what.kind, f'uses {name}')}, {gone} since Python {self.what.python}"


def uses(insides: Insides, target: Target) -> tuple[Use, ...]:
    """All uses, the sure ones first."""
    if not insides.outlines or target.implementation != "cpython":
        return ()
    files = compiled(insides)
    if not files:  # found by a pattern, or by CMake: none is sure
        files = {path: False for path in insides.outlines if path.endswith(SOURCES)}
    walk = _Walk(insides, target)
    for path, sure in sorted(files.items()):
        walk.unit(path, sure)
    return walk.done()


class _Walk:
    """Goes through translation units."""

    def __init__(self, insides: Insides, target: Target) -> None:
        self._version = (target.python.major, target.python.minor)
        self._found: dict[tuple[str, int, str], Use] = {}
        self._own: set[str] = set()
        self._whole = not insides.stopped and outline.CUT not in insides.outlines.values()
        self._steps = 0
        self._by_name: dict[str, list[str]] = {}
        for path in insides.outlines:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)
        self._words = set(_WORD.findall(" ".join(insides.texts.values())))  # what a build may define itself is there
        self._core = any("pycore_" in text or "Py_BUILD_CORE" in text for text in insides.outlines.values())
        self._lines = {path: list(outline.read(text)) for path, text in insides.outlines.items()}
        self._plain = _plain(self._lines.values(), self._words)
        self._in: dict[str, Used] = {}
        self._macros: dict[str, tuple[str, bool, str | int | None]] = {}
        self._predefined = {kind: conditions.predefined(target, cplusplus=kind) for kind in (False, True)}
        # Of the unit that is gone through:
        self._cplusplus = False
        self._define: Known = {}
        self._seen: set[str] = set()

    def unit(self, path: str, sure: bool) -> None:
        """One file that is compiled."""
        self._cplusplus = not path.endswith(".c")
        self._define = dict(self._predefined[self._cplusplus])
        if "Py_LIMITED_API" not in self._words:
            self._define["Py_LIMITED_API"] = (False, None)
        self._seen = set()
        self._file(path, sure, 0)

    def done(self) -> tuple[Use, ...]:
        """What was found, without what the archive brings itself."""
        found = []
        for use in self._found.values():
            if use.what.name in self._own and use.what.kind in ("name", "member", "called"):
                continue
            internal = self._core and (use.what.internal or use.what.kind == "member")
            found.append(use.replace(sure=use.sure and not internal and self._whole))
        return tuple(sorted(found, key=lambda use: (not use.sure, use.implicit, use.path, use.line)))

    def _file(self, path: str, sure: bool, depth: int) -> None:
        if path in self._seen or depth > DEEPEST:
            return
        self._seen.add(path)
        lines = self._lines[path]
        stack: list[
            tuple[bool | None, bool | None]
        ] = []  # of each #if: its branch, and whether one before it was taken
        active: bool | None = True
        for place, (number, directive, rest) in enumerate(lines):
            self._steps += 1
            if self._steps > MOST_STEPS or not number:
                self._whole = False
                return
            if directive in ("if", "ifdef", "ifndef"):
                following = lines[place + 1] if place + 1 < len(lines) else (0, "", "")
                holds = self._holds(directive, rest, following)
                stack.append((holds, holds))
                active = _all(branch for branch, _ in stack)
            elif directive in ("elif", "else", "endif"):
                self._turn(directive, rest, stack)
                active = _all(branch for branch, _ in stack)
            elif active is not False:
                self._line(path, number, directive, rest, active, sure, depth)

    def _turn(self, directive: str, rest: str, stack: list[tuple[bool | None, bool | None]]) -> None:
        if not stack:
            self._whole = False  # not understood
            return
        _, taken = stack.pop()
        if directive == "endif":
            return
        holds = True if directive == "else" else self._truth(rest)
        branch = _all((holds, None if taken is None else not taken))
        stack.append((branch, True if taken or holds else None if None in (taken, holds) else False))

    def _holds(self, directive: str, rest: str, following: Line) -> bool | None:
        name = (_WORD.findall(rest) or [""])[0]
        guard = _WORD.findall(rest)[-1:] if re.match(r"!\s*defined\b[\s(]*\w+[\s)]*$", rest) else [name]
        if directive == "if":
            holds = self._truth(rest)
        else:
            defined = self._lookup(name)[0]
            holds = defined if directive == "ifdef" or defined is None else not defined
        if holds is None and directive != "ifdef" and following[1] == "define":
            if guard == _WORD.findall(following[2])[:1]:
                return True  # an include guard, or what holds where nothing else is said
        return holds

    def _truth(self, rest: str) -> bool | None:
        return conditions.truth(rest, self._lookup)

    def _lookup(self, name: str) -> tuple[bool | None, int | None]:
        return self._define.get(name, (False, None) if name in self._plain else (None, None))

    def _line(
        self,
        path: str,
        number: int,
        directive: str,
        rest: str,
        active: bool | None,
        sure: bool,
        depth: int,
    ) -> None:
        sure = sure and active is True
        if directive == "include":
            self._include(path, number, rest, sure, depth)
        elif directive in ("define", "undef"):
            self._macro(directive, rest, active)
            if active is None:
                return
        assigned, names = self._used(rest)
        for name in assigned:
            self._add(path, number, api("assigned")[name], sure and directive == "", False)
        for name, start, end in names:
            if row := api("called").get(name):
                if _arguments(rest[end:]) == row.arguments:
                    self._add(path, number, row, sure and directive == "", False)
            elif row := api("member").get(name):
                if re.search(r"->\s*$" if name == "ob_digit" else r"(?:->|\.)\s*$", rest[:start]):
                    self._add(path, number, row, sure and directive == "", False)
                else:
                    self._own.add(name)
            elif _declares(rest[:start], rest[end:]):
                self._own.add(name)
            elif not re.search(r"(?:->|\.|::)\s*$", rest[:start]):
                called = rest[end:].lstrip().startswith("(") and not self._cplusplus
                self._add(path, number, api("name")[name], sure and directive == "", called)

    def _used(self, rest: str) -> Used:
        """A header's lines are gone through for every file that includes it, and looked at once."""
        if rest not in self._in:
            self._in[rest] = tuple(outline.assigned(rest)), tuple(outline.names(rest))
        return self._in[rest]

    def _include(self, path: str, number: int, rest: str, sure: bool, depth: int) -> None:
        wanted = outline.included(rest)
        base = wanted.rpartition("/")[2]
        found = self._by_name.get(base, [])
        beside = normpath(join(dirname(path), wanted))
        fitting = [beside] if beside in found else [name for name in found if f"/{name}".endswith(f"/{wanted}")]
        if len(fitting) > 1:  # of several with that name the one in its own part of the archive
            near = [len(commonpath([path, name])) for name in fitting]
            fitting = [name for name, length in zip(fitting, near, strict=True) if length == max(near)]
        for name in fitting:
            self._file(name, sure and len(fitting) == 1, depth + 1)
        if not wanted:
            self._whole = False  # a macro tells which
        if not found and (row := api("header").get(wanted)):
            self._add(path, number, row, sure, False)

    def _macro(self, directive: str, rest: str, active: bool | None) -> None:
        if rest not in self._macros:
            self._macros[rest] = self._read(rest)
        name, own, body = self._macros[rest]
        if not name:
            return
        if own:
            self._own.add(name)
        if active is None:
            self._define[name] = (None, None)
        elif directive == "undef":
            self._define[name] = (False, None)
        else:
            known = conditions.value(body, self._lookup) if isinstance(body, str) else body
            self._define[name] = (True, known)

    def _read(self, rest: str) -> tuple[str, bool, str | int | None]:
        """Of a macro its name, whether it is removed API, and its value, or the text of it where that depends."""
        found = _WORD.match(rest)
        if not found:
            return "", False, None
        name, body = found[0], rest[found.end() :]
        own = name in api("name") or name in api("called")
        if name in self._words or body.startswith("("):
            return name, own, None
        return name, own, body if conditions.depends(body) else conditions.value(body, self._lookup)

    def _add(self, path: str, number: int, row: Api, sure: bool, implicit: bool) -> None:
        if not row.is_gone(self._version):
            return
        key = (path, number, row.name)
        before = self._found.get(key)
        if not before or (sure and not before.sure):
            self._found[key] = Use(path, number, row, sure, implicit)


def _plain(files: Iterable[list[Line]], told: set[str]) -> frozenset[str]:
    """Macros that are nobody else's: defined in the archive, and neither asked for before nor told by the build.

    Where such a one has not been defined, it is not.
    """
    defined: set[str] = set()
    asked: set[str] = set(told)
    for lines in files:
        before = ""
        for _, directive, rest in lines:
            name = (_WORD.findall(rest) or [""])[0]
            if directive == "define":
                defined.add(name)
                if before == name:
                    asked.add(name)
            before = (_WORD.findall(rest) or [""])[-1] if directive in ("if", "ifndef") else ""
    return frozenset(name for name in defined - asked if not name.startswith(("_", "Py", "PY", "HAVE_", "SIZEOF_")))


def _all(parts: Iterator[bool | None] | tuple[bool | None, ...]) -> bool | None:
    found: bool | None = True
    for part in parts:
        if part is False:
            return False
        if part is None:
            found = None
    return found


def _declares(before: str, after: str) -> bool:
    """Whether a line that has a name defines or declares it, as the archive's own: ``static int name(``."""
    after, before = after.lstrip(), _EXPORTED.sub("int ", before)
    if _NO_TYPE.search(before) or re.search(r"[^\w\s*&:<>,]", before):
        return bool(re.match(r"\s*typedef\b", before))
    if not before.strip():
        return not before and after.startswith("(")  # at the start of a line, with its type on the one before
    typed = bool(re.search(r"\w[\s*&]+$", before)) and not after.startswith(("*", "&"))
    return typed and (after.startswith(("(", "=", ";", "[", "{")) or before.split()[0] in ("typedef", "struct", "enum"))


def _arguments(after: str) -> int:
    """How many a call has; 0 where that cannot be said."""
    depth = count = 0
    for character in after.lstrip():
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if not depth:
                return count + 1
        elif character == "," and depth == 1:
            count += 1
        if not depth:
            return 0
    return 0
