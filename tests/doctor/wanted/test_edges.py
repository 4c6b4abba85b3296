from __future__ import annotations

from bicorn.doctor.wanted.edges import conditions


def test_markers_add_up_along_a_way_and_ways_are_alternatives() -> None:
    edges = {"a": [("b", "x"), ("c", "")], "b": [("d", "y")], "c": [("d", "z")], "d": [("a", "q")]}
    assert conditions([("a", "")], edges) == {"a": "", "b": "((x))", "c": "", "d": "((x) and (y)) or ((z))"}


def test_too_many_ways_are_always() -> None:
    edges = {"root": [(f"n{number}", f"m{number}") for number in range(20)]}
    edges |= {f"n{number}": [("leaf", "")] for number in range(20)}
    assert conditions([("root", "")], edges)["leaf"] == ""
