from __future__ import annotations

import pytest

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds import script


def read(text: str, **others: str) -> script.Script:
    texts = {"setup.py": text} | {f"{name.removesuffix('_py')}.py": content for name, content in others.items()}
    return script.read(Insides(tuple(texts), texts))


def gone(found: script.Script) -> list[str]:
    return [row.module or row.text for row, _ in found.gone]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import imp", ["imp"]),
        ("from imp import load_source", ["imp"]),
        ("import pkg_resources as p", ["pkg_resources"]),
        ("from numpy.distutils.core import setup", ["numpy.distutils"]),
        ("import ast\nx = ast.Str", ["ast.Str"]),
        ("setup(use_2to3=True)", ["use_2to3"]),
        ("import os, setuptools", []),
        ("try:\n    import imp\nexcept ImportError:\n    imp = None", []),
        ("def f():\n    import imp", []),
        ("import sys\nif sys.version_info < (3, 4):\n    import imp", []),
        ("# import imp\n'import imp'", []),
        ("x = 'ast.String'", []),
        ("import", []),
        ("import imp\0", []),
    ],
)
def test_what_is_gone(text: str, expected: list[str]) -> None:
    assert gone(read(text)) == expected


def test_the_versioneer_that_it_imports() -> None:
    old = "import configparser\nparser = configparser.SafeConfigParser()"
    assert gone(read("import versioneer", versioneer_py=old)) == ["SafeConfigParser"]
    assert gone(read("import os", versioneer_py=old)) == []


def test_extensions() -> None:
    assert read("setup(ext_modules=[Extension('a', ['a.c'])])").extensions
    assert not read("setup(name='a')").extensions
    assert read("Extension('a', ['a.c'], optional=True)").optional
    assert read("except (CCompilerError, OSError):\n pass").optional
    assert not read("Extension('a', ['a.c'])").optional
    assert read("subprocess.check_call(['cmake', '..'])").cmake


def test_none() -> None:
    found = script.read(Insides(("a.py",), {}))
    assert (found.exists, found.gone, found.imports) == (False, (), frozenset())


@pytest.mark.parametrize("text", ['print "x"', "try: pass\nexcept A, b: pass", "os.chmod(x, 0777)"])
def test_a_script_for_python_2(text: str) -> None:
    assert read(text).python2 == "setup.py"
    assert read("import ez_setup", ez_setup_py=text).python2 == "ez_setup.py"
    assert read("import other", ez_setup_py=text).python2 == ""


@pytest.mark.parametrize("text", ["print('x')", "match x:\n  case 1: pass", "def (", "x = 1 +"])
def test_another_error_is_none_of_python_2(text: str) -> None:
    assert read(text).python2 == ""


def test_an_option_of_setup_is_given_whatever_else_is_caught() -> None:
    found = read("try: x.y\nexcept AttributeError: pass\nsetup(use_2to3=True)")
    assert [row.text for row, _ in found.gone] == ["use_2to3"]


def test_a_package_beside_it_that_it_imports() -> None:
    own = {
        "setup.py": "import ez_setup, p\nez_setup.use_setuptools()",
        "ez_setup/__init__.py": "print 'x'",
        "p.py": "import cgi",
    }
    found = script.read(Insides(tuple(own), own))
    assert found.python2 == "ez_setup/__init__.py"
    assert gone(found) == ["cgi"]


def test_a_package_beside_it_that_it_does_not_import() -> None:
    own = {
        "setup.py": "try:\n    import p\nexcept ImportError: pass",
        "p/__init__.py": "print 'x'",
        "wsgiref.py": "print 1",
    }
    assert script.read(Insides(tuple(own), own)).python2 == ""
    own["setup.py"] = "import wsgiref"  # Python's own has been imported before
    assert script.read(Insides(tuple(own), own)).python2 == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from .main import minify", ["cgi"]),
        ("from . import main", ["cgi"]),
        ("from p.main import minify", ["cgi"]),
        ("from . import other", []),
        ("try:\n    from .main import minify\nexcept ImportError:\n    pass", []),
        ("def later():\n    from .main import minify", []),
    ],
)
def test_what_a_package_beside_it_imports_in_turn(text: str, expected: list[str]) -> None:
    own = {"setup.py": "from p import __version__", "p/__init__.py": text}
    assert gone(script.read(Insides(tuple(own), own, imports={"p/main.py": ("cgi",)}))) == expected


@pytest.mark.parametrize("text", ["run(['pkg-config', '--libs'])", "import pkgconfig\npkgconfig.parse('x')"])
def test_who_asks_pkg_config(text: str) -> None:
    assert read(text).pkg_config
    assert not read("x = 'a config of a pkg'").pkg_config


def test_a_script_nested_without_end() -> None:
    for text in ("(" * 90 + "1" + ")" * 90, "x = " + "-" * 20_000 + "1", "x = " + "+".join(["1"] * 2_000)):
        assert not read(f"{text}\nopen('a', 'r')").universal
