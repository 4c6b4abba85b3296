from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.config import values
from bicorn.config.values import Kind
from bicorn.errors import ConfigError

FLAG, MAYBE, YESNO = values.Flag(), values.Flag(undecided=True), values.YesOrNo()
CHOICE = values.Choice("auto", "on", also={"yes": "on"})
LEVEL = values.Numbered("none", "optional", "required", prefix="cert_")
TEXT, PLAIN = values.Text(), values.Text(optional=False)
FILES = values.Many("FILE", "files")


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (values.Whole(), 0, 0),
        (values.Whole(), " 1_000 ", 1000),
        (values.Whole(1, 5), "5", 5),
        (values.Size(), 10, 10),
        (values.Size(), "8190", 8190),
        (values.Size(), "64k", 65536),
        (values.Size(), " 1 KiB ", 1024),
        (values.Size(), "10M", 10 * 1024**2),
        (values.Size(), "1gb", 1024**3),
        (values.Size(), "7b", 7),
        (values.Seconds(), 1, 1.0),
        (values.Seconds(), "0.5", 0.5),
        (values.Seconds(), "1e3", 1000.0),
        (FLAG, True, True),
        (FLAG, " Yes ", True),
        (FLAG, "0", False),
        (YESNO, True, True),
        (YESNO, "off", False),
        (MAYBE, None, None),
        (MAYBE, "auto", None),
        (MAYBE, "off", False),
        (CHOICE, " AUTO ", "auto"),
        (CHOICE, "yes", "on"),
        (LEVEL, 2, 2),
        (LEVEL, "1", 1),
        (LEVEL, "CERT_REQUIRED", 2),
        (LEVEL, "none", 0),
        (TEXT, "a b", "a b"),
        (TEXT, "", None),
        (TEXT, None, None),
        (TEXT, Path("/a/b"), "/a/b"),
        (PLAIN, "", ""),
        (values.Reference(), " my.module:make ", "my.module:make"),
        (values.Reference(), "", None),
        (values.Reference(), None, None),
        (values.Prefix(), "", ""),
        (values.Prefix(), "/", ""),
        (values.Prefix(), "/api/", "/api"),
        (values.Workers(), " AUTO ", 0),
        (values.Workers(), 0, 0),
        (values.Workers(), "3", 3),
        (values.Maybe(values.Whole()), None, None),
        (values.Maybe(values.Whole()), "3", 3),
        (values.Hook("a"), "", None),
        (values.Hook("a"), "module:function", "module:function"),
        (values.Hook("a"), "package.module.function", "package.module:function"),
        (values.Mode(), None, None),
        (values.Mode(), "660", 0o660),
        (values.Mode(), "0o600", 0o600),
        (values.Mode(), 0o777, 0o777),
        (FILES, None, ()),
        (FILES, "", ()),
        (FILES, "a, b", ("a", "b")),
        (FILES, ["a,b", Path("c")], ("a,b", "c")),
        (FILES, Path("a"), ("a",)),
        (values.Addresses(), "A:1,[::1]", ("a:1", "[::1]:8000")),
        (values.Mounts(), "/a=m:x", ("/a=m:x",)),
        (values.Mounts(), [" /a/b/ = m "], ("/a/b=m",)),
        (values.Mounts(), {"/a": "m:make('x=y')"}, ("/a=m:make('x=y')",)),
        (values.Variables(), ["A=b=c ", "B="], ("A=b=c ", "B=")),
        (values.Variables(), {"A": 1}, ("A=1",)),
        (values.Fields(), "A: b", (("A", "b"),)),
        (values.Fields(), "A: b, c, D:e\nF:", (("A", "b, c"), ("D", "e"), ("F", ""))),
        (values.Fields(), "Link: a, http://b", (("Link", "a, http://b"),)),
        (values.Fields(), {"A": "b"}, (("A", "b"),)),
        (values.Fields(), [("A", "b"), ["C", "d"], "E:f"], (("A", "b"), ("C", "d"), ("E", "f"))),
        (values.Fields(), [(b"G", b"h")], (("G", "h"),)),
    ],
)  # fmt: skip
def test_converted(kind: Kind, value: Any, result: Any) -> None:
    converted = kind.convert(value)
    assert converted == result
    assert type(converted) is type(result)
    assert kind.convert(converted) == converted, "a converted value is a value"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[(values.Whole(1, 5), value) for value in (0, 6, "0", True, 1.0, "1.5", "x", "", "0x2", None, [])],
        *[(values.Size(), value) for value in ("1t", "k", "-1", -1, "1.5k", "", None, True, 1.5)],
        *[(values.Seconds(), value) for value in (-1, "-0.1", "nan", "inf", "x", True, None, 10**400)],
        *[(FLAG, value) for value in (None, 1, 0, "maybe", "auto", "")],
        (MAYBE, "maybe"),
        *[(CHOICE, value) for value in ("off", "", None, 1)],
        *[(LEVEL, value) for value in (3, -1, "3", "must", None, True)],
        *[(TEXT, value) for value in (1, b"a", "a\0b")],
        (PLAIN, None),
        *[(values.Reference(), value) for value in ("module", "a:b:c", "a b:c", ":c", 1)],
        *[(values.Prefix(), value) for value in ("api", None, 1)],
        *[(values.Workers(), value) for value in (-1, "0", "none", True, 1.5)],
        (values.Maybe(values.Whole()), -1),
        *[(values.Hook("a"), value) for value in ("function", "a:b:c", 1, lambda: None, lambda a, b: None)],
        *[(values.Mode(), value) for value in ("9", "1000", 0o1000, -1, 1.0, True)],
        *[(FILES, value) for value in ("a,,b", [""], [1], 1, b"a", {"a": 1}, ["\0"])],
        *[(values.Mounts(), value) for value in ("a=b", "/a", "/a=", "/=b", "=b", "/a=b c")],
        *[(values.Variables(), value) for value in ("A", "=b", [" =b"], [1])],
        *[(values.Fields(), value) for value in ("A", ["A b:c"], ["A:b\nC:d"], [("A",)], [1], 1, [("A", 1)])],
        (values.Fields(), ["A:\u20ac"]),
    ],
)  # fmt: skip
def test_refused(kind: Kind, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        kind.convert(value)
    assert "invalid literal" not in str(error.value)
    assert kind.expects


def test_a_wrong_address_explains_itself() -> None:
    with pytest.raises(ConfigError, match="is not a port number"):
        values.Addresses().convert(["a:b"])


def test_a_variable_that_is_refused_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        values.Variables().convert(["hunter2"])


def test_a_kind_has_to_say_how_to_convert() -> None:
    with pytest.raises(NotImplementedError):
        Kind().convert("")


@given(st.integers(0, 2**40))
def test_sizes_count_in_powers_of_1024(number: int) -> None:
    for power, letter in enumerate(("", "k", "m", "g")):
        assert values.Size().convert(f"{number}{letter}") == number * 1024**power
