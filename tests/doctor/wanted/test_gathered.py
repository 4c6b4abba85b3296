from __future__ import annotations

from bicorn.doctor.wanted.gathered import Gathered, merged


def test_what_is_none_is_noted() -> None:
    into = Gathered()
    into.add("a>1", "x")
    into.add("a b c", "x")
    into.add("c @ git+https://git.example/c", "x")
    into.pin("d", "not a version", "", "lock")
    for number in range(500):
        into.note(str(number))
    found = into.done("x")
    assert [str(item) for item in found.requirements] == ["a>1"]
    assert (found.pins, len(found.notes)) == ((), 100)


def test_two_lock_files_stay_settled() -> None:
    one, two = Gathered(), Gathered()
    one.pin("a", "1", "", "x")
    two.pin("A", "1", "", "y")
    two.pin("b", "1", "", "y")
    assert [str(pin) for pin in merged([one.done("x"), two.done("y")]).pins] == ["A==1", "b==1"]
