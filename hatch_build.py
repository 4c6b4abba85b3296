"""The build: compile the hot modules where a C compiler works, ship plain Python where it does not.

A module is compiled when a ``.pxd`` with its C types lies beside it; that is the whole list. They cimport one another,
so it is all of them or none: a failure, wherever it happens, leaves a complete ``py3-none-any`` wheel.

``BICORN_BUILD`` chooses: ``auto`` (the default: compile, or say why not), ``require`` (a failure stops the build) and
``pure`` (do not try). Editable installs are always pure, so a stale ``.so`` never shadows the file being edited.

For developers, with Cython and setuptools installed: ``python hatch_build.py --build-lib DIR`` copies the package to
``DIR/bicorn`` and compiles it there, again only what changed; ``PYTHONPATH=DIR`` then uses it. It exits with 3 where
there is no compiler.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[BuilderConfig]
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook
    except ImportError:  # run as a script: hatchling is not needed
        Hook = object

SOURCE = Path(__file__).resolve().parent / "src"
DIRECTIVES: dict[str, Any] = {
    "language_level": 3,
    # Nobody pickles these classes or asks these functions for their signatures; without, a third less native code.
    "auto_pickle": False,
    "binding": False,
    "annotation_typing": False,  # types come from the .pxd alone; an annotation must not change what the code does
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
}
NO_COMPILER = 3
"""The exit status of ``--build-lib`` where nothing can be compiled."""
# A pointer of the wrong type is an error to newer compilers: so it is one to all.
FLAGS = ["-O2", "-g0", "-Werror=incompatible-pointer-types"] if os.name == "posix" else []


def compiled_modules(root: Path) -> list[str]:
    """The dotted names of the modules to compile: those with a ``.pxd`` beside their ``.py``."""
    sources = (pxd.with_suffix(".py") for pxd in sorted(root.glob("bicorn/**/*.pxd")))
    return [".".join(py.relative_to(root).with_suffix("").parts) for py in sources if py.is_file()]


class NoCompiler(Exception):
    """Nothing can be compiled here, whatever the code."""

    def __init__(self) -> None:
        super().__init__("no C compiler works here, or Python's headers are missing")


def check_compiler(work: Path) -> None:
    """Compile next to nothing: tells "there is no compiler" from "this code does not compile", and does so early.

    Raises:
        NoCompiler: it does not work.
    """
    from setuptools import Extension

    work.mkdir(parents=True, exist_ok=True)
    source = work / "probe.c"
    source.write_text("#include <Python.h>\nPyMODINIT_FUNC PyInit_probe(void) { return NULL; }\n")
    try:
        build_extensions([Extension("probe", [str(source)])], work, work)
    except (Exception, SystemExit) as error:
        raise NoCompiler from error


def build_extensions(extensions: list[Any], build_lib: Path, build_temp: Path) -> list[Path]:
    """Run setuptools' ``build_ext`` and return what it made."""
    from setuptools import Distribution

    # A plain setup() would read a pyproject.toml and argv; a Distribution of our own does neither.
    command: Any = Distribution({"name": "bicorn", "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp, command.parallel = str(build_lib), str(build_temp), os.cpu_count() or 1
    command.ensure_finalized()
    command.run()
    return [Path(output) for output in command.get_outputs()]


def compile_package(build_lib: Path, build_temp: Path) -> list[Path]:
    """Compile the modules of the package at ``build_lib/bicorn`` beside their sources; return the new files.

    Raises:
        NoCompiler: nothing can be compiled here.
        Exception: whatever Cython, setuptools or the C compiler made of it (also ``SystemExit``).
    """
    from Cython.Build import cythonize
    from setuptools import Extension

    check_compiler(build_temp / "probe")
    extensions = [
        Extension(name, [str(build_lib.joinpath(*name.split("."))) + ".py"], extra_compile_args=FLAGS)
        for name in compiled_modules(build_lib)
    ]
    extensions = cythonize(
        extensions,
        build_dir=str(build_temp),
        include_path=[str(build_lib)],
        compiler_directives=DIRECTIVES,
        nthreads=os.cpu_count() or 1 if len(extensions) > 1 else 0,
        quiet=True,
    )
    return build_extensions(extensions, build_lib, build_temp)


class CompileHook(Hook):
    """hatchling's side: put the compiled modules into the wheel and give it the right tag, or leave it pure."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; ``version`` is ``standard`` or ``editable``."""
        mode = os.environ.get("BICORN_BUILD", "") or "auto"
        if mode not in ("auto", "require", "pure"):
            raise ValueError(f"BICORN_BUILD={mode}: must be auto, require or pure")
        if version == "editable" or mode == "pure":
            return
        work = self._work = Path(tempfile.mkdtemp(prefix="bicorn-build-"))
        copy_package(work / "lib")
        try:
            outputs = compile_package(work / "lib", work / "temp")
        except (Exception, SystemExit) as error:
            if mode == "require":
                shutil.rmtree(work, ignore_errors=True)
                raise
            self.app.display_warning(f"bicorn: no compiled modules, it will run interpreted ({reason(error)})")
            return
        for output in outputs:
            build_data["force_include"][str(output)] = str(output.relative_to(work / "lib"))
        if outputs:
            build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling after it built."""
        if hasattr(self, "_work"):
            shutil.rmtree(self._work, ignore_errors=True)


def reason(error: BaseException) -> str:
    """One short line that tells a person why the modules were not compiled."""
    if isinstance(error, NoCompiler):
        return str(error)
    text = " ".join(str(error).split()) or type(error).__name__
    return "compiling failed: " + (text if len(text) <= 120 else text[:120] + " ...")


def copy_package(build_lib: Path) -> None:
    """Make ``build_lib/bicorn`` equal to the source package, touching only what differs (so a rebuild is quick)."""
    target = build_lib / "bicorn"
    wanted = {
        path.relative_to(SOURCE): path
        for path in (SOURCE / "bicorn").rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyc")
    }
    for path in list(target.rglob("*")):
        stale = path.suffix == ".so" and path.with_name(path.name.split(".")[0] + ".pxd").relative_to(build_lib)
        if path.is_file() and path.suffix != ".pyc" and (stale or path.relative_to(build_lib)) not in wanted:
            path.unlink()
    for relative, path in wanted.items():
        copy = build_lib / relative
        if not copy.is_file() or copy.stat().st_mtime_ns != path.stat().st_mtime_ns:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)


def main() -> None:
    """Build a compiled tree for tests and benchmarks; never into ``src``."""
    parser = argparse.ArgumentParser(description="Copy the package to DIR/bicorn and compile it there.")
    parser.add_argument("--build-lib", metavar="DIR", type=Path, required=True)
    build_lib = parser.parse_args().build_lib.resolve()
    if build_lib == SOURCE:
        parser.error("DIR must not be the source tree")
    build_temp = build_lib / ".temp" / sysconfig.get_config_var("SOABI")  # objects are of one Python each
    copy_package(build_lib)
    try:
        outputs = compile_package(build_lib, build_temp)
    except NoCompiler as error:
        print(error, file=sys.stderr)
        sys.exit(NO_COMPILER)
    for output in outputs:
        print(output)


if __name__ == "__main__":
    main()
