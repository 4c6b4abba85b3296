from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from bicorn.doctor.facts import Pick, Resolution, Target, Wanted
from bicorn.doctor.resolve import resolve
from bicorn.doctor.targets import parse

from .conftest import Connect
from .serving import Shelf

TARGET = parse("3.14", "manylinux_2_28_x86_64")


def solve(
    connected: Connect,
    *requirements: str,
    constraints: tuple[str, ...] = (),
    pins: tuple[str, ...] = (),
    target: Target = TARGET,
) -> Resolution:
    wanted = Wanted(
        tuple(map(Requirement, requirements)), tuple(map(Requirement, constraints)), tuple(map(Requirement, pins)), "it"
    )
    return resolve(wanted, target, connected())


def versions(found: Resolution) -> dict[str, str]:
    assert found.conflict == ""
    return {pick.name: str(pick.version) for pick in found.picks}


def only(found: Resolution, name: str) -> Pick:
    return next(pick for pick in found.picks if pick.name == name)


def test_the_newest_and_what_it_needs(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1")
    served.wheel("a", "1.10", "b>=1; python_version >= '3.14'", "c; python_version < '3.14'", "d; extra == 'x'")
    served.wheel("b", "2rc1")
    served.wheel("b", "1")
    served.wheel("d", "1")
    found = solve(connected, "A")
    assert versions(found) == {"a": "1.10", "b": "1"}
    assert (only(found, "a").wanted_by, only(found, "b").wanted_by) == (("it",), ("a",))
    assert versions(solve(connected, "a[X]")) == {"a": "1.10", "b": "1", "d": "1"}


def test_prereleases_only_where_asked_for_or_nothing_else(served: Shelf, connected: Connect) -> None:
    for version in ("1", "2rc1"):
        served.wheel("a", version)
    served.wheel("b", "1a1")
    assert versions(solve(connected, "a", "b")) == {"a": "1", "b": "1a1"}
    assert versions(solve(connected, "a>=2rc1")) == {"a": "2rc1"}


def test_a_step_back_where_versions_do_not_agree(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "2", "c>=2")
    served.wheel("a", "1", "c>=1")
    served.wheel("b", "1", "c<2")
    for version in ("1", "2"):
        served.wheel("c", version)
    assert versions(solve(connected, "a", "b")) == {"a": "1", "b": "1", "c": "1"}


def test_no_solution_says_who_and_shows_what_comes_nearest(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "c>=2")
    served.wheel("b", "1", "c<2")
    for version in ("1", "2"):
        served.wheel("c", version)
    found = solve(connected, "a", "b")
    assert "no version of c suits all of them" in found.conflict
    assert "a needs c>=2" in found.conflict
    assert "b needs c<2" in found.conflict
    assert {pick.name for pick in found.picks} == {"a", "b", "c"}


def test_a_project_that_is_not_there(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "gone>1")
    assert f"gone is not on {served.url}: a needs gone>1" in solve(connected, "a").conflict


def test_requires_python_on_the_page_and_in_the_metadata(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", python=">=3.8")
    served.wheel("a", "2", python="<3.14")
    served.wheel("a", "3", python="<3.14", **{"requires-python": ""})
    assert versions(solve(connected, "a")) == {"a": "1"}
    found = solve(connected, "a>=3")
    assert "a 3 needs python<3.14" in found.conflict
    pinned = only(solve(connected, "a==2"), "a")
    assert (pinned.chosen, pinned.why_none) == (None, "Requires-Python <3.14")


def test_a_wheel_before_an_archive_and_a_newer_archive_before_an_older_wheel(served: Shelf, connected: Connect) -> None:
    served.source("a", "1")
    served.wheel("a", "1", tag="py3-none-any")
    served.wheel("a", "1", tag="cp314-cp314-manylinux_2_17_x86_64")
    served.wheel("b", "1")
    served.wheel("b", "2", "a", tag="cp313-cp313-manylinux_2_17_x86_64")
    served.source("b", "2")
    found = solve(connected, "a", "b")
    chosen = {pick.name: pick.chosen.filename for pick in found.picks if pick.chosen}
    assert chosen == {"a": "a-1-cp314-cp314-manylinux_2_17_x86_64.whl", "b": "b-2.tar.gz"}
    assert [str(item) for item in only(found, "b").requires] == ["a"], "as its wheel for another Python says"


def test_what_was_yanked_is_for_those_who_pin_it(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1")
    served.wheel("a", "2", yanked="broken")
    assert versions(solve(connected, "a")) == {"a": "1"}
    assert versions(solve(connected, "a==2")) == {"a": "2"}
    assert versions(solve(connected, "a", constraints=("a==2",))) == {"a": "2"}
    assert solve(connected, "a>=2").conflict


def test_a_pin_that_nothing_fits_is_still_shown(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b", tag="cp39-cp39-manylinux_2_17_x86_64")
    served.wheel("a", "2")
    served.wheel("b", "1")
    found = solve(connected, "a==1")
    assert versions(found) == {"a": "1", "b": "1"}
    assert (only(found, "a").chosen, only(found, "a").why_none) == (
        None,
        "no wheel fits, and there is no source archive",
    )
    assert versions(solve(connected, "a")) == {"a": "2", "b": "1"} or versions(solve(connected, "a")) == {"a": "2"}


def test_markers_and_constraints(served: Shelf, connected: Connect) -> None:
    for version in ("1", "2", "3"):
        served.wheel("a", version)
    served.wheel("b", "1")
    found = solve(connected, "a<3; python_version >= '3.14'", "b; sys_platform == 'win32'", constraints=("a<2", "b<1"))
    assert versions(found) == {"a": "1"}


def test_what_a_lock_file_has_settled_is_taken_as_it_is(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b>5")
    served.wheel("b", "1", tag="cp39-cp39-win_amd64")
    served.wheel("b", "9")
    found = solve(connected, pins=("a==1", "b==1", "c==1; python_version < '3'"))
    assert [(pick.name, str(pick.version), pick.wanted_by) for pick in found.picks] == [
        ("a", "1", ()),
        ("b", "1", ("a",)),
    ]
    assert only(found, "b").why_none
    assert "gone: not on the index" in solve(connected, pins=("a==1", "gone==1")).conflict


def test_a_requirement_with_its_own_address(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b")
    served.wheel("b", "1")
    served.wheel("b", "2")
    served.wheel("c", "1", f"b @ {served.url.replace('simple', 'files')}/b-1-py3-none-any.whl")
    assert versions(solve(connected, "c", "a")) == {"a": "1", "b": "1", "c": "1"}


@pytest.mark.parametrize("count", [60])
def test_a_resolution_that_cannot_end_ends(
    served: Shelf, connected: Connect, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr("bicorn.doctor.resolve.MAX_ROUNDS", 5)
    for number in range(count):
        served.wheel("a", str(number), f"b=={count - number}")
        served.wheel("b", str(number), f"a=={number}")
    assert "found in the time there is" in solve(connected, "a", "b").conflict


def test_the_project_itself_does_not_admit_the_python(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1")
    wanted = Wanted((Requirement("a"),), source="pyproject.toml", requires_python="<3.14")
    found = resolve(wanted, TARGET, connected())
    assert found.conflict == "pyproject.toml itself says that it needs Python <3.14"
    assert [pick.name for pick in found.picks] == ["a"]
    assert resolve(wanted.replace(requires_python=">=3.9"), TARGET, connected()).conflict == ""


def test_what_one_resolution_leaves_for_the_next_is_not_what_was_wanted(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b>=1", "c; python_version < '3.14'")
    for version in ("1", "2", "3"):
        served.wheel("b", version)
    served.wheel("c", "1")
    index = connected()

    def found(*limits: str, target: Target = TARGET) -> dict[str, str]:
        return versions(resolve(Wanted((Requirement("a"),), tuple(map(Requirement, limits))), target, index))

    assert found() == {"a": "1", "b": "3"}
    assert found("b<3") == {"a": "1", "b": "2"}
    assert found("b==1") == {"a": "1", "b": "1"}
    assert found(target=parse("3.13", "manylinux_2_28_x86_64")) == {"a": "1", "b": "3", "c": "1"}
    assert found() == {"a": "1", "b": "3"}
