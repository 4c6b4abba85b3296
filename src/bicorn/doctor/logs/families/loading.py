"""What Python and the dynamic linker say where a compiled part does not fit; imports that fail say it, too."""

from __future__ import annotations

from re import Match

from ..family import Family, Words
from ..journal import Journal


def _compiled(match: Match[str], journal: Journal) -> Words | None:
    """A module with an underscore is a compiled one, where it is an installed package's and not the user's own."""
    groups = {name: value for name, value in match.groupdict().items() if value}
    module = groups.get("distribution")
    if module and not any(f"-packages/{module}" in line.replace("\\", "/") for line in journal.lines):
        return None
    subject = next((f"{value} is not there" for name, value in groups.items() if name != "built"), "")
    return {
        "python_words": f"Python {journal.python}" if journal.python else "this one",
        "subject": subject or f"for Python {groups['built']}",
    }


FAMILIES = (
    Family(
        kind="libc-too-old",
        patterns=(
            r"version `(?P<symbol>GLIBC(?:XX)?_(?P<needed>[\d.]+))' not found(?: \(required by (?P<file>[^)]*)\))?",
            r"version `(?P<symbol>CXXABI_(?P<needed>[\d.]+))' not found(?: \(required by (?P<file>[^)]*)\))?",
        ),
        what="This system's C library is too old for {file}: it was built where there is {symbol}.",
        cure="Install it anew on this system, so that a wheel for it is taken or it is built here; what is built on one"
        " system is not copied to an older one.",
        commands=("python -m pip install --force-reinstall --no-cache-dir {distribution}",),
        hides=("import-failed",),
    ),
    Family(
        kind="missing-library",
        patterns=(
            r"(?P<wanted>lib[\w.+-]+\.so[\d.]*): cannot open shared object file",
            r"Error loading shared library (?P<wanted>lib[\w.+-]+\.so[\d.]*): No such file",
            r"Library not loaded: (?:\S*/)?(?P<wanted>lib[\w.+-]+\.dylib)",
        ),
        what="A library that a compiled package needs is not on this system: {wanted}.",
        cure="Install the system's package that has it, or a wheel that brings it along.",
        hides=("import-failed", "missing-header"),
    ),
    Family(
        kind="wrong-architecture",
        patterns=(
            r"wrong ELF class: (?P<found>\w+)",
            r"incompatible architecture \(have '(?P<found>\w+)', need '(?P<need>\w+)'\)",
            r"(?P<found>): cannot open shared object file: Exec format error",
            r"Exec format error(?P<found>)",
            r"skipping incompatible (?P<found>\S+) when searching",
        ),
        what="Something here was built for another kind of processor than this Python{found_words}.",
        cure="Remove it and install it anew with this Python; in a container, check the image's platform.",
        commands=("python -c 'import platform; print(platform.machine())'",),
        more=lambda match, _: {"found_words": f" ({match['found']})" if match["found"] else ""},
        hides=("import-failed",),
    ),
    Family(
        kind="wheel-does-not-fit",
        patterns=(r"(?P<file>[\w.+!-]+\.whl) is not a supported wheel on this platform",),
        what="{file} is built for another Python or another system than this one.",
        cure="Name the package instead of the file, so that pip takes the one that fits.",
        commands=("python -m pip debug --verbose", "bicorn doctor '{file_requirement}'"),
        more=lambda match, _: {"file_requirement": "==".join(match["file"].split("-")[:2])},
        hides=("installer",),
    ),
    Family(
        kind="other-python",
        patterns=(
            r"No module named '(?P<module>(?P<distribution>\w+)(?:\.\w+)*\._\w+)'",
            r"undefined symbol: (?P<symbol>_?Py\w+)",
            r"Python version mismatch: module was compiled for Python (?P<built>[\d.]+)",
            r"symbol not found in flat namespace '?_?(?P<symbol>_?Py\w+)",
        ),
        what="A compiled part does not fit {python_words}: {subject}.",
        cure="Install the package anew with this Python; an environment cannot be moved from one Python to another.",
        commands=("python -m pip install --force-reinstall --no-cache-dir {distribution}",),
        more=_compiled,
        hides=("import-failed",),
    ),
    Family(
        kind="undefined-symbol",
        patterns=(r"(?P<file>\S+\.so): undefined symbol: (?P<symbol>\w+)", r"undefined symbol: (?P<symbol>\w+)"),
        what="A compiled part does not fit the libraries it is loaded with: {symbol} is in none of them.",
        cure="Install the package anew, so that its parts are of one version.",
        commands=("python -m pip install --force-reinstall --no-cache-dir {distribution}",),
        hides=("import-failed",),
    ),
)
