"""What a package's build script misses: distutils, other modules that Python has dropped, setuptools as it was."""

from __future__ import annotations

from re import Match

from ...knowledge import gone
from ..family import Family, Words
from ..journal import Journal


def _dropped(match: Match[str], _: Journal) -> Words | None:
    """Since when it is gone; None where Python never had it."""
    module = match["module"].partition(".")[0]
    for row in gone():
        if row.module == module and row.python:
            return {"since": row.python, "module": module}
    return None


FAMILIES = (
    Family(
        kind="distutils-gone",
        patterns=(r"No module named '(?P<module>distutils)[\w.]*'",),
        what="{package} is built with distutils, which Python has no more since 3.12.",
        cure="Take a later version of {name}, or Python 3.11. Where the package only runs with distutils, setuptools"
        " brings it.",
        commands=("bicorn doctor '{requirement}' --python {python}", "python -m pip install setuptools"),
        hides=("build-failed", "import-failed", "missing-module"),
    ),
    Family(
        kind="module-gone",
        patterns=(r"No module named '(?P<module>\w+)[\w.]*'",),
        what="{package} uses the module {module}, which Python has no more since {since}.",
        cure="Take a later version of {name}, or a Python before {since}.",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        more=_dropped,
        hides=("build-failed", "import-failed", "missing-module"),
    ),
    Family(
        kind="module-gone",
        patterns=(
            r"module '(?P<module>configparser)' has no attribute 'SafeConfigParser'",
            r"module '(?P<module>pkgutil)' has no attribute 'ImpImporter'",
            r"module '(?P<module>inspect)' has no attribute '(?:getargspec|formatargspec)'",
            r"module '(?P<module>ast)' has no attribute '(?:Str|Num|NameConstant)'",
            r"cannot import name '\w+' from '(?P<module>collections|imp|unittest|typing)'",
        ),
        what="{package} is older than this Python: what it uses of the module {module} is no longer there.",
        cure="Take a later version of {name}, or an older Python.",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        hides=("build-failed", "import-failed"),
    ),
    Family(
        kind="python-2",
        patterns=(
            r"SyntaxError: (?P<what>multiple exception types must be parenthesized)",
            r"SyntaxError: (?P<what>Missing parentheses in call to '(?:print|exec)')",
            r"NameError: name '(?P<what>unicode|xrange|raw_input|basestring)' is not defined",
        ),
        what="{package} is written in Python 2.",
        cure="Take a later version of {name}, or what has replaced it.",
        commands=("bicorn doctor '{name}'",),
        hides=("build-failed", "missing-module"),
    ),
    Family(
        kind="setuptools-changed",
        patterns=(
            r"error in .* setup command: (?P<what>use_2to3 is invalid)",
            r"cannot import name '(?P<what>Feature|convert_path|msvc9compiler)' from 'setuptools[\w.]*'",
            r"(?P<what>No module named 'pkg_resources')",
            r"(?P<what>install_layout)'?$",
            r"module '(?P<what>setuptools\.\w+)' has no attribute",
        ),
        what="{package} was written for an older setuptools than the one that builds it ({what}).",
        cure="Take a later version of {name}. If it must be this one, build it with an older setuptools.",
        commands=(
            "bicorn doctor '{requirement}' --python {python}",
            "echo 'setuptools<58' > constraint.txt",
            "PIP_CONSTRAINT=constraint.txt python -m pip install '{requirement}'",
        ),
        hides=("build-failed", "missing-module"),
    ),
    Family(
        kind="build-tool-missing",
        patterns=(
            r"No module named '(?P<module>setuptools|wheel|mesonpy|hatchling|poetry|flit_core|maturin|[Cc]ython"
            r"|scikit_build_core)",
            r"error: invalid command '(?P<module>bdist_wheel)'",
            r"BackendUnavailable: Cannot import '(?P<module>[\w.]+)'",
        ),
        what="{package} is built with {module}, which is not installed where it is being built.",
        cure="Build isolated, as pip does by itself (without --no-build-isolation); or install that first.",
        commands=("python -m pip install {tool}", "python -m pip install '{requirement}'"),
        more=lambda match, _: {
            "tool": {"mesonpy": "meson-python", "bdist_wheel": "setuptools wheel", "poetry": "poetry-core"}.get(
                match["module"], match["module"].replace("_", "-").lower()
            )
        },
        hides=("build-failed", "missing-module"),
    ),
)
