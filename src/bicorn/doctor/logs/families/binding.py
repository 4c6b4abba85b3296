"""What stands between a package and Python: PyO3 and Rust, Cython, NumPy's ABI."""

from __future__ import annotations

from re import Match

from ..family import Family, Words
from ..journal import Journal


def _pyo3(match: Match[str], journal: Journal) -> Words:
    """PyO3's version stands some lines away."""
    import re

    for pattern in (r"pyo3(?:-ffi|-build-config)? v(\d[\w.]*)", r"Current version: (\d[\w.]*)"):
        for line in journal.lines:
            if found := re.search(pattern, line):
                return {"pyo3": f"PyO3 {found[1]}"}
    return {"pyo3": "a PyO3"}


FAMILIES = (
    Family(
        kind="pyo3-too-old",
        patterns=(
            r"Python interpreter version \((?P<python>[\d.]+)\) is newer than PyO3's maximum"
            r" supported version \((?P<limit>[\d.]+)\)",
        ),
        what="{package} is built with {pyo3}, which knows Python up to {limit}. This is Python {python}.",
        cure="Take a later version of {name} that has a wheel for Python {python}, or stay on Python {limit}."
        " PYO3_USE_ABI3_FORWARD_COMPATIBILITY=1 only helps packages that keep to the stable ABI.",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        more=_pyo3,
        hides=("build-failed", "rust-error"),
    ),
    Family(
        kind="pyo3-too-old",
        patterns=(
            r"cannot find (?:type|function|struct|value)[\w ,]* `(?P<symbol>_?Py[A-Z]\w+)` in (?:this scope|module)",
            r"unresolved imports? `pyo3_ffi::(?P<symbol>\w+)`",
        ),
        what="{package} uses {symbol}, which the stable ABI of Python {python} does not have:"
        " PYO3_USE_ABI3_FORWARD_COMPATIBILITY=1 does not help it.",
        cure="Take a later version of {name} that has a wheel for Python {python}, or stay on an older Python.",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        hides=("build-failed", "rust-error"),
    ),
    Family(
        kind="rust-missing",
        patterns=(
            r"Rust not found, installing into a temporary directory",
            r"Cargo, the Rust package manager, is not installed or is not on PATH",
            r"can't find Rust compiler",
            r"(?:No such file or directory|not found|unable to execute)\W+(?:cargo|rustc)\b",
        ),
        what="{package} has no wheel that fits and is built with Rust, which is not here.",
        cure="Take a version of {name} that has a wheel for this Python: nothing needs to be built then."
        " Or install Rust (https://rustup.rs where the system's is too old).",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        supplies=("rust",),
        hides=("network", "build-failed", "tool-missing"),
    ),
    Family(
        kind="rust-too-old",
        patterns=(
            r"requires rustc (?P<needed>[\d.]+)(?: or newer)?, while the currently active rustc version is"
            r" (?P<have>[\d.]+)",
            r"rustc (?P<have>[\d.]+) is not supported by the following packages?",
            r"feature `(?P<feature>edition20\d\d)` is required",
            r"lock ?file version `?(?P<lock>\d)`?.*(?:does not understand|requires)",
        ),
        what="The Rust that is here{have_words} is too old for {package}{needed_words}.",
        cure="Update Rust (rustup update stable; from https://rustup.rs where it came with the system),"
        " or take a version of {name} that has a wheel for this Python.",
        commands=("rustup update stable", "bicorn doctor '{requirement}' --python {python}"),
        more=lambda match, _: {
            "have_words": f" ({match.groupdict()['have']})" if match.groupdict().get("have") else "",
            "needed_words": f", which needs {match.groupdict()['needed']}" if match.groupdict().get("needed") else "",
        },
        hides=("build-failed", "rust-error"),
    ),
    Family(
        kind="numpy-abi",
        patterns=(
            r"module that was compiled using NumPy 1\.x cannot be run in(?: NumPy (?P<numpy>[\d.]+))?",
            r"numpy\.(?:dtype|ndarray|ufunc) size changed, may indicate binary incompatibility",
            r"module compiled against (?:API|ABI) version 0x\w+ but this version of numpy is 0x\w+",
            r"numpy\.core\.multiarray failed to import",
        ),
        what="A package here was compiled against another NumPy than the one that is installed:"
        " what was built for NumPy 1 does not run with NumPy 2.",
        cure="Update the package that fails to a version for NumPy 2, or stay on NumPy 1 until there is one.",
        commands=("python -m pip install 'numpy<2'",),
        hides=("missing-module", "import-failed"),
    ),
    Family(
        kind="cython-too-new",
        patterns=(
            r"'build_ext' object has no attribute 'cython_sources'",
            r"Cython\.Compiler\.Errors\.CompileError: (?P<file>\S+\.pyx)",
        ),
        what="{package} was written for Cython before 3 and is being built with a newer one.",
        cure="Take a later version of {name}, one with a wheel for this Python."
        " If it must be this one, build it with an older Cython.",
        commands=(
            "bicorn doctor '{requirement}' --python {python}",
            "echo 'cython<3' > constraint.txt",
            "PIP_CONSTRAINT=constraint.txt python -m pip install '{requirement}'",
        ),
        hides=("build-failed",),
    ),
    Family(
        kind="rust-error",
        patterns=(r"error(?:\[E\d+\])?: could not compile `(?P<crate>[\w-]+)`",),
        what="{package}: its Rust part, {crate}, does not compile.",
        cure="Take a version of {name} that has a wheel for this Python.",
        commands=("bicorn doctor '{requirement}' --python {python}",),
        hides=("build-failed",),
    ),
)
