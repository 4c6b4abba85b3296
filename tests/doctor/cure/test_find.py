from __future__ import annotations

from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.cure.find import Examined, cures
from bicorn.doctor.facts import Cure, Finding, Resolution, Target, Verdict, Wanted
from bicorn.doctor.targets import parse
from bicorn.doctor.toolchain import Toolchain
from tests.doctor.shelf import Shelf, pick, wheel

LINUX = "manylinux_2_17_x86_64"
FILES = [wheel("p", "1.0", f"cp313-cp313-{LINUX}"), wheel("p", "2.0", f"cp314-cp314-{LINUX}")]
WANTED = Wanted((Requirement("p==1.0"),), source="the command line")


def examine(wanted: Wanted, target: Target) -> Examined:
    """p 1.0 installs up to 3.13, p 2.0 on all."""
    version = Version(str(wanted.requirements[0].specifier)[2:])
    good = version >= Version("2") or target.python < Version("3.14")
    verdict = Verdict.WHEEL if good else Verdict.FAILS
    return Resolution(target, (pick("p", str(version), None),)), (Finding("p", version, target, verdict),)


def find(*targets: Target, wanted: Wanted = WANTED) -> tuple[Cure, ...]:
    examined = [examine(wanted, target) for target in targets]
    shelf = Shelf(*FILES)
    return cures(wanted, examined, shelf, Toolchain(), {"PATH": ""}, examine=examine, run=lambda _: "")  # type: ignore[arg-type]


def test_where_everything_installs_there_is_nothing_to_cure() -> None:
    assert find(parse("3.13")) == ()


def test_the_newest_python_and_the_least_change() -> None:
    first, second = find(parse("3.14", "manylinux"))
    assert "Python 3.13 on manylinux_2_36" in first.title
    assert "the newest on which everything installs" in first.title
    assert second.title.startswith("For Python 3.14 on manylinux_2_36")
    assert second.changes == (("p", "1.0", "2.0", "the first with a wheel for cp314"),)
    assert "1 would install" in second.checked
    assert second.commands[-1].endswith("pip install p==2.0")


def test_a_project_that_does_not_admit_the_older_python() -> None:
    found = find(parse("3.14", "manylinux"), wanted=WANTED.replace(requires_python=">=3.14"))
    assert [bool(cure.changes) for cure in found] == [True]


def test_nothing_here_offers_that_python() -> None:
    first = find(parse("3.14"))[0]
    assert first.commands == ()
    assert first.checked == "Nothing here offers Python 3.13"


def test_a_compiler_is_all_that_is_missing() -> None:
    target = parse("3.14")
    finding = Finding("p", Version("1.0"), target, Verdict.NO_TOOLCHAIN, needs=("cc",), missing=("cc",))
    examined = [(Resolution(target, ()), (finding,))]
    assert cures(WANTED, examined, Shelf(), Toolchain(), {"PATH": ""}, examine=examine, run=lambda _: "") == ()  # type: ignore[arg-type]


def too_old(wanted: Wanted, target: Target) -> Examined:
    """q 2.0 needs 3.12, and 3.12 has no wheel of it; q 1.0 is for all."""
    version = Version(str(wanted.requirements[0].specifier)[2:])
    files = [file for file in NEWER if file.version == version]
    good = version < Version("2") or target.python >= Version("3.13")
    admitted = version < Version("2") or target.python >= Version("3.12")
    picked = pick("q", str(version), files[0] if admitted else None, *files)
    return Resolution(target, (picked,)), (Finding("q", version, target, Verdict.WHEEL if good else Verdict.FAILS),)


NEWER = [
    wheel("q", "2.0", f"cp313-cp313-{LINUX}", requires_python=">=3.12"),
    wheel("q", "1.0"),
    wheel("q", "0.9"),
]


def test_a_python_that_is_too_old() -> None:
    wanted = Wanted((Requirement("q==2.0"),), source="the command line")
    examined = [too_old(wanted, parse(label, "manylinux")) for label in ("3.11", "3.12")]
    found = cures(wanted, examined, Shelf(*NEWER), Toolchain(), {"PATH": ""}, examine=too_old, run=lambda _: "")  # type: ignore[arg-type]
    first, second = found
    assert first.title.startswith("Use Python 3.13 on manylinux")
    assert first.title.endswith("the nearest newer one on which everything installs")
    assert second.changes == (("q", "2.0", "1.0", second.changes[0][3]),)
    assert second.changes[0][3].startswith("the last that admits Python 3.11")


def test_a_project_that_does_not_admit_the_newer_python() -> None:
    wanted = Wanted((Requirement("q==2.0"),), source="the command line", requires_python="<3.13")
    examined = [too_old(wanted, parse("3.11", "manylinux"))]
    found = cures(wanted, examined, Shelf(*NEWER), Toolchain(), {"PATH": ""}, examine=too_old, run=lambda _: "")  # type: ignore[arg-type]
    assert [bool(cure.changes) for cure in found] == [True]


def test_below_a_free_threaded_python_is_the_same_with_its_lock() -> None:
    def only_locked(wanted: Wanted, target: Target) -> Examined:
        verdict = Verdict.FAILS if target.free_threaded else Verdict.WHEEL
        return Resolution(target, ()), (Finding("p", Version("1.0"), target, verdict),)

    examined = [only_locked(WANTED, parse("3.14t", "manylinux"))]
    found = cures(WANTED, examined, Shelf(*FILES), Toolchain(), {"PATH": ""}, examine=only_locked, run=lambda _: "")  # type: ignore[arg-type]
    assert found[0].title.startswith("Use Python 3.14 on manylinux")


def test_the_project_itself_needs_a_newer_python() -> None:
    def itself(_: Wanted, target: Target) -> Examined:
        conflict = "" if target.python >= Version("3.12") else "it needs Python >=3.12"
        return Resolution(target, (), conflict), (Finding("p", Version("1.0"), target, Verdict.WHEEL),)

    wanted = WANTED.replace(requires_python=">=3.12")
    examined = [itself(wanted, parse("3.11", "manylinux"))]
    (found,) = cures(wanted, examined, Shelf(*FILES), Toolchain(), {"PATH": ""}, examine=itself, run=lambda _: "")  # type: ignore[arg-type]
    assert found.title.startswith("Use Python 3.12 on manylinux")
