from __future__ import annotations

from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.cure.pins import Changed, least, too_old
from bicorn.doctor.facts import File, Finding, Resolution, Target, Verdict, Wanted
from bicorn.doctor.targets import parse
from tests.doctor.shelf import Shelf, pick, wheel

LINUX = "manylinux_2_17_x86_64"
TARGET = parse("3.14", "manylinux")


def core(version: str, *minors: int) -> list[object]:
    return [wheel("core", version, f"cp3{minor}-cp3{minor}-{LINUX}") for minor in minors]


def shelf() -> Shelf:
    files = [*core("1.0", 12, 13), *core("1.1", 13), *core("2.0", 13, 14), *core("2.1", 13, 14)]
    parents = [wheel("parent", version) for version in ("1.0", "1.1", "2.0", "2.1", "3.0")]
    requires = {
        "parent 1.0": ["core==1.0"],
        "parent 1.1": ["core==1.1"],
        "parent 2.0": ["core==2.0", "typing>=4"],
        "parent 2.1": ["core==2.1"],
    }
    typing = [wheel("typing", version) for version in ("3.0", "4.0", "5.0")]
    return Shelf(*files, *parents, *typing, requires=requires)  # type: ignore[arg-type]


def cure(*lines: str, direct: bool = False) -> Changed | None:
    """What fails is core 1.0, until something admits another."""
    index = shelf()
    wanted = Wanted(tuple(Requirement(line) for line in lines))

    def examine(wanted: Wanted, target: Target) -> tuple[Resolution, tuple[Finding, ...]]:
        pins = {item.name: item.specifier for item in (*wanted.requirements, *wanted.constraints)}
        parent = next((v for v in ("1.0", "1.1", "2.0", "2.1", "3.0") if v in pins.get("parent", "")), "1.0")
        asks = index.requires.get(f"parent {parent}", [])
        version = asks[0].partition("==")[2] if asks and not direct else str(pins.get("core", "==1.0"))[2:]
        picks = [pick("core", version, None, by="parent")]
        if not direct:
            picks.append(pick("parent", parent, None, requires=asks))
        good = Version(version) >= Version("2")
        verdict = Verdict.WHEEL if good else Verdict.FAILS
        return Resolution(target, tuple(picks)), (Finding("core", Version(version), target, verdict),)

    resolution, findings = examine(wanted, TARGET)
    return least(wanted, resolution, findings, index, examine)  # type: ignore[arg-type]


def test_a_pin_moves_to_the_first_version_with_a_wheel() -> None:
    found = cure("core==1.0", direct=True)
    assert found
    [change] = found.changes
    assert (change.name, str(change.old), str(change.new)) == ("core", "1.0", "2.0")
    assert change.why == "the first with a wheel for cp314"


def test_where_a_parent_pins_it_the_parent_moves() -> None:
    found = cure("parent==1.0")
    assert found
    [change] = found.changes
    assert (change.name, str(change.new)) == ("parent", "2.0")
    assert change.why == "the first whose core 2.0 has a wheel for cp314"
    assert [str(item) for item in found.wanted.requirements] == ["parent==2.0"]


def test_what_else_is_pinned_moves_along() -> None:
    found = cure("parent==1.0", "core==1.0", "typing==3.0")
    assert found
    assert [(change.name, str(change.new)) for change in found.changes] == [
        ("core", "2.0"),
        ("parent", "2.0"),
        ("typing", "4.0"),
    ]
    assert found.changes[2].why == "parent 2.0 asks for typing>=4"


def test_where_no_version_has_a_wheel_there_is_no_way() -> None:
    target = parse("3.15", "manylinux")
    wanted = Wanted((Requirement("core==1.0"),))
    resolution = Resolution(target, (pick("core", "1.0", None),))
    findings = (Finding("core", Version("1.0"), target, Verdict.FAILS),)
    assert least(wanted, resolution, findings, shelf(), lambda *_: (resolution, findings)) is None  # type: ignore[arg-type]


def test_where_all_is_well_nothing_moves() -> None:
    resolution = Resolution(TARGET, ())
    assert least(Wanted(()), resolution, (), shelf(), lambda *_: (resolution, ())) is None  # type: ignore[arg-type]


OLD = parse("3.11", "manylinux")


def held(version: str, newer: bool) -> list[File]:
    return [wheel("core", version, requires_python=">=3.12" if newer else ">=3.8")]


def examine_old(wanted: Wanted, target: Target) -> tuple[Resolution, tuple[Finding, ...]]:
    """parent 2.0 asks for core 2.0, which needs Python 3.12; parent 1.5 for core 1.5."""
    asked = {item.name: str(item.specifier)[2:] for item in wanted.requirements}
    parent = asked["parent"]
    core = {"2.0": "2.0", "1.5": "1.5"}[parent]
    files = held(core, newer=core == "2.0")
    picked = pick("core", core, None if core == "2.0" else files[0], *files)
    verdict = Verdict.FAILS if core == "2.0" else Verdict.WHEEL
    picks = (picked, pick("parent", parent, None, requires=[f"core=={core}"]))
    return Resolution(target, picks), (Finding("core", Version(core), target, verdict),)


def test_what_needs_a_newer_python_moves_down_with_its_parent() -> None:
    parents = [wheel("parent", version) for version in ("1.0", "1.5", "2.0")]
    index = Shelf(
        *parents,
        *held("2.0", newer=True),
        *held("1.5", newer=False),
        *held("1.0", newer=False),
        requires={f"parent {version}": [f"core=={version}"] for version in ("1.0", "1.5", "2.0")},
    )
    wanted = Wanted((Requirement("parent==2.0"),))
    resolution, findings = examine_old(wanted, OLD)
    found = least(wanted, resolution, findings, index, examine_old)  # type: ignore[arg-type]
    assert found
    [change] = found.changes
    assert (change.name, str(change.new)) == ("parent", "1.5")
    assert change.why == f"the last with which core admits Python {OLD.label}"


def test_what_is_too_old() -> None:
    [newer], [older] = held("2.0", newer=True), held("1.0", newer=False)
    assert too_old(pick("core", "2.0", None, newer), OLD)
    assert not too_old(pick("core", "2.0", None, newer, older), OLD)
    assert not too_old(pick("core", "2.0", None), OLD)
    never = wheel("core", "3.0", requires_python="<3.8")
    assert not too_old(pick("core", "3.0", None, never), OLD)
