from __future__ import annotations

import pytest

from bicorn.doctor.builds.outcome import goes_on, needs_cython, opens_universal
from bicorn.doctor.builds.script import syntax

METHOD = """
class Build(build_ext):
    def {name}(self, *given):
        try:
            {call}
        except {caught}:
            {then}
"""
CYTHON = """
try:
    {first}
    ext_modules = [{made}]
except {caught}:
    {then}
setup(ext_modules=ext_modules{more})
"""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"name": "run", "call": "super().run()"}, True),
        ({"caught": "BaseException as e"}, True),
        ({"caught": "KeyError"}, False),
        ({"then": "raise"}, False),
        ({"then": "sys.exit(1)"}, False),
        ({"call": "print(self)"}, False),
        ({"name": "later", "call": "self.later()"}, False),
    ],
)
def test_what_goes_on_where_an_extension_cannot_be_compiled(changed: dict[str, str], expected: bool) -> None:
    plain = {
        "name": "build_extension",
        "call": "return build_ext.build_extension(self, *given)",
        "caught": "Exception as e",
        "then": "print(e)",
    }
    assert goes_on(syntax(METHOD.format(**plain | changed))) is expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"first": "import Cython.Build", "made": "*cythonize('a.pyx')"}, True),
        ({"first": "import numpy"}, False),
        ({"first": "from .Cython import build_ext"}, False),
        ({"made": ""}, False),
        ({"caught": "Exception"}, False),
        ({"then": "raise SystemExit"}, False),
        ({"then": "ext_modules = [Extension('a', ['a.c'])]"}, False),
        ({"more": ", setup_requires=['cython']"}, False),
    ],
)
def test_extensions_only_where_cython_is_there(changed: dict[str, str], expected: bool) -> None:
    plain = {
        "first": "from Cython.Distutils import build_ext",
        "made": "Extension('a', ['a.pyx'])",
        "caught": "ImportError",
        "then": "ext_modules = []",
        "more": "",
    }
    assert needs_cython(syntax(CYTHON.format(**plain | changed))) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("with open('a', 'U', encoding='utf-8') as r: pass", True),
        ("text = io.open('a', mode='rU').read()", True),
        ("setup(version=open('a', 'rU').read())", True),
        ("def read(name):\n    return open(name, 'rU').read()\nsetup(long_description=read('a'))", True),
        ("def read(name):\n    return open(name, 'rU').read()", False),
        ("def read(name):\n    return name\n    open(name, 'U')\nread('a')", False),
        ("open('U', 'r')", False),
        ("archive.open('a', 'U')", False),
        ("try:\n    open('a', 'rU')\nexcept ValueError: pass", False),
        ("if six.PY2:\n    open('a', 'rU')", False),
        ("open('a', 'rU') if six.PY2 else open('a')", False),
        ("six.PY2 and open('a', 'rU')", False),
        ("x = lambda: open('a', 'rU')", False),
        ("print 'x'", False),
    ],
)
def test_files_opened_in_a_way_that_is_gone(text: str, expected: bool) -> None:
    assert opens_universal(syntax(text)) is expected
