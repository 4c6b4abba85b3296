from __future__ import annotations

import time

from packaging.requirements import Requirement

from bicorn.doctor.candidates import Finder
from bicorn.doctor.facts import Wanted
from bicorn.doctor.prefetch import prefetch
from bicorn.doctor.resolve import resolve
from bicorn.doctor.targets import parse
from bicorn.doctor.wanted.read import read

from .conftest import Connect
from .serving import Shelf


def test_what_is_needed_is_asked_for_at_once_and_only_once(served: Shelf, connected: Connect) -> None:
    served.delay = 0.02
    names = [f"p{number}" for number in range(24)]
    served.wheel("top", "1", *names, "gone")
    for name in names:
        served.wheel(name, "1", "top")
    index = connected()
    start = time.monotonic()
    prefetch([Requirement("top")], Finder(Wanted(()), parse("3.14"), index))
    assert time.monotonic() - start < 0.02 * 50
    assert sorted(served.asked) == sorted(set(served.asked))
    before = len(served.asked)
    assert all(index.metadata(index.project(name).files[0]) for name in names)
    assert len(served.asked) == before


def test_a_second_resolution_walks_along_what_is_new_only(served: Shelf, connected: Connect) -> None:
    served.wheel("top", "1", "below")
    served.wheel("top", "2", "below", "new")
    served.wheel("below", "1")
    served.wheel("new", "1")
    index = connected()
    looked: list[str] = []
    submit = index.submit
    index.submit = lambda function: looked.append("") or submit(function)  # type: ignore[method-assign, func-returns-value]
    counts = []
    for wanted in ("top<2", "top<2", "top"):
        looked.clear()
        prefetch([Requirement(wanted)], Finder(Wanted(()), parse("3.14"), index))
        counts.append(len(looked))
    assert counts == [2, 0, 2]  # of the last "below" is known


def test_where_the_newest_do_not_agree_older_ones_are_asked_for_some_at_a_time(
    served: Shelf, connected: Connect
) -> None:
    """And what they pin, too: else thirty versions and their thirty companions would be sixty round trips."""
    served.delay = 0.02
    served.wheel("base", "1")
    served.wheel("base", "2")
    for number in range(1, 31):
        served.wheel("tool", f"{number}", f"part=={number}")
        served.wheel("part", f"{number}", "base<2" if number == 1 else "base>=2")
    index = connected()
    start = time.monotonic()
    found = resolve(read(["base==1", "tool"], environ={}), parse("3.14"), index)
    assert time.monotonic() - start < 0.02 * 45
    assert {(one.name, str(one.version)) for one in found.picks} == {("base", "1"), ("tool", "1"), ("part", "1")}
    assert sorted(served.asked) == sorted(set(served.asked))


def test_what_was_asked_for_in_vain_is_not_noted(served: Shelf, connected: Connect) -> None:
    served.wheel("base", "1")
    for number in (6, 7):
        served.wheel("tool", f"{number}", "base>=2")
    for number in (1, 2, 3, 4, 5):
        served.add(f"tool-{number}-py3-none-any.whl", b"no wheel")
    index = connected()
    found = resolve(read(["base==1", "tool"], environ={}), parse("3.14"), index)
    assert [str(one.version) for one in found.picks if one.name == "tool"] == ["5"], "what it needs is not known"
    index.close()
    assert [note.partition(" ")[0].rpartition("/")[2] for note in index.notes] == ["tool-5-py3-none-any.whl"]
