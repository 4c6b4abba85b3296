from __future__ import annotations

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bicorn.doctor.index.pages import Entry
from bicorn.doctor.index.project import Project, to_text


def entry(filename: str, **facts: object) -> Entry:
    return Entry(filename, f"https://x/{filename}", 1, {"sha256": "0"}, "", None, False)._replace(**facts)  # type: ignore[arg-type]


def test_equal_versions_are_one_and_others_are_ordered() -> None:
    page = to_text(
        {"1.0": [entry("a-1.0.zip")], "1.0.0": [entry("a-1.0.0.tar.gz")], "1.10": [entry("a-1.10.zip")], "?": []}
    )
    project = Project("a", [page])
    assert project.versions == [Version("1.10"), Version("1.0")]
    assert [file.filename for file in project.of(Version("1"))] == ["a-1.0.zip", "a-1.0.0.tar.gz"]


def test_the_first_index_wins() -> None:
    first, second = (to_text({"1": [entry("a-1.zip", size=size)]}) for size in (1, 2))
    assert [file.size for file in Project("a", [first, second]).files] == [1]


def test_nothing() -> None:
    project = Project("a", [""], missing="a is not here")
    assert (project.versions, project.of(Version("1")), project.missing) == ([], (), "a is not here")


def test_what_a_pin_and_a_range_admit() -> None:
    names = ("1.0", "1.0+cu1", "1.1", "2.0a1")
    project = Project("a", [to_text({name: [entry(f"a-{name}.zip")] for name in names})])
    assert [str(version) for version in project.like(Version("1.0"))] == ["1.0+cu1", "1.0"]
    assert [str(version) for version in project.like(Version("1.0+cu1"))] == ["1.0+cu1"]
    for _ in range(2):  # the second time from memory
        assert [str(version) for version in project.within(SpecifierSet(">1.0"))] == ["2.0a1", "1.1"]
    assert next(project.within(SpecifierSet("<1.1"))) == Version("1.0+cu1")
