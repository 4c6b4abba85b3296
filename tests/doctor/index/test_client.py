from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from packaging.version import Version

from bicorn.doctor.index import client
from bicorn.errors import DoctorError

from ..conftest import Connect
from ..serving import Shelf


@pytest.mark.parametrize("json", [True, False])
def test_a_project_with_its_files(served: Shelf, connected: Connect, json: bool) -> None:
    served.json = json
    served.wheel("web-app", "1.0", "click>=8; extra == 'cli'", python=">=3.9", yanked="a bug")
    served.wheel("web-app", "1.10", tag="cp314-cp314-manylinux_2_17_x86_64")
    served.source("web_app", "1.10")
    project = connected().project("Web_App")
    assert [str(version) for version in project.versions] == ["1.10", "1.0"]
    new, old = project.of(Version("1.10")), project.of(Version("1.0"))
    assert [(file.filename, file.is_wheel) for file in new] == [
        ("web_app-1.10-cp314-cp314-manylinux_2_17_x86_64.whl", True),
        ("web_app-1.10.tar.gz", False),
    ]
    assert (old[0].requires_python, old[0].yanked, old[0].metadata) == (">=3.9", "a bug", True)
    assert old[0].url == served.url.replace("simple", "files/web_app-1.0-py3-none-any.whl")


def test_metadata_beside_a_wheel_is_enough_also_where_it_is_not_announced(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b>1", **{"core-metadata": False})
    index = connected()
    found = index.metadata(index.project("a").files[0])
    assert found is not None
    assert [str(item) for item in found.requires] == ["b>1"]
    assert served.asked == ["/simple/a/", "/files/a-1-py3-none-any.whl.metadata"]


def test_metadata_out_of_a_wheel_takes_its_end_alone(served: Shelf, connected: Connect) -> None:
    served.metadata = False
    for name in "abcde":
        served.wheel(name, "1", "z>1", **{"core-metadata": False})
    index = connected()
    for name in "abcde":
        found = index.metadata(index.project(name).files[0])
        assert found is not None
        assert found.requires[0].name == "z"
    assert sum(path.endswith(".metadata") for path in served.asked) == 3, "then it is taken to have none"
    assert [path for path in served.asked if "e-1" in path] == ["/files/e-1-py3-none-any.whl bytes=-49152"]


def test_a_server_without_ranges(served: Shelf, connected: Connect) -> None:
    served.metadata = served.ranges = False
    served.wheel("a", "1", "b")
    index = connected()
    found = index.metadata(index.project("a").files[0])
    assert found is not None
    assert found.requires[0].name == "b"


def test_what_a_source_archive_settles(served: Shelf, connected: Connect) -> None:
    served.source("a", "1", "b>1")
    served.add("c-1.tar.gz", b"\x1f\x8bno archive")
    index = connected()
    found = index.metadata(index.project("a").files[0])
    assert found is not None
    assert str(found.requires[0]) == "b>1"
    assert index.metadata(index.project("c").files[0]) is None
    assert "c-1.tar.gz is a broken archive" in index.notes[-1]


def test_what_is_in_the_cache_is_not_fetched_again(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1", "b")
    with connected() as index:
        index.metadata(index.project("a").files[0])
        assert index.project("gone").missing
    before = len(served.asked)
    with connected(offline=True) as index:
        assert index.metadata(index.project("a").files[0]) is not None
        assert "gone is not on" in index.project("gone").missing
        with pytest.raises(DoctorError, match="b is not in the cache, and --offline forbids"):
            index.project("b")
    assert len(served.asked) == before


def test_a_stale_page_is_asked_for_by_its_tag(
    served: Shelf, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.wheel("a", "1")
    with connected() as index:
        index.project("a")
    monkeypatch.setattr(client, "FRESH", -1.0)
    bodies: list[int] = []
    whole = served._page
    served._page = lambda page, headers: bodies.append((got := whole(page, headers))[0]) or got  # type: ignore[func-returns-value,method-assign]
    with connected() as index:
        assert [str(version) for version in index.project("a").versions] == ["1"]
    assert bodies == [304]
    served.answers["/simple/a/"] = lambda headers: (503, {}, b"")
    with connected() as index:
        assert index.project("a").versions
        assert "status 503" in index.notes[0]
        assert "What the cache has is used" in index.notes[0]


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/vnd.pypi.simple.v1+json", b"{", "its JSON cannot be read"),
        ("application/vnd.pypi.simple.v1+json", b"[" * 100_000, "its JSON cannot be read"),
        ("application/vnd.pypi.simple.v1+json", b"[]", "its JSON cannot be read"),
        ("application/vnd.pypi.simple.v2+json", b'{"meta": {"api-version": "2.0"}, "files": []}', "version 2.0"),
        ("text/html", b'<meta name="pypi:repository-version" content="2.0">', "version 2.0"),
        ("image/png", b"\x89PNG", "no page of a package index"),
    ],
)
def test_a_broken_index(served: Shelf, connected: Connect, kind: str, body: bytes, said: str) -> None:
    served.answers["/simple/a/"] = lambda headers: (200, {"Content-Type": kind}, body)
    with pytest.raises(DoctorError, match=said):
        connected().project("a")


@pytest.mark.parametrize(("status", "said"), [(401, "user and the password"), (418, "status 418")])
def test_an_index_that_refuses(served: Shelf, connected: Connect, status: int, said: str) -> None:
    served.answers["/simple/a/"] = lambda headers: (status, {}, b"")
    with pytest.raises(DoctorError, match=said):
        connected().project("a")


def test_a_file_that_is_absent_is_asked_for_once(
    served: Shelf, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.wheel("a", "1")
    served.bodies.clear()
    for _ in range(2):
        index = connected()
        assert index.metadata(index.project("a").files[0]) is None
        assert len(index.notes) == 1
        assert "status 404" in index.notes[0]
    asked = ["/simple/a/", "/files/a-1-py3-none-any.whl.metadata", "/files/a-1-py3-none-any.whl bytes=-49152"]
    assert served.asked == asked
    assert index._connected is None, "nothing was fetched"
    monkeypatch.setattr(client, "FRESH", -1.0)
    index = connected()
    index.metadata(index.project("a").files[0])
    assert served.asked == asked * 2


def test_hostile_file_names(served: Shelf, connected: Connect, tmp_path: Path) -> None:
    for name in (
        "../../evil-1.tar.gz",
        "a-1\n.tar.gz",
        "a-1.tar.gz\t[]",
        "/etc/a-1.tar.gz",
        "a-" + "9" * 999 + ".zip",
        "a-..-1.zip",
    ):
        served.files.setdefault("a", {"files": []})["files"].append(
            {"filename": name, "url": "https://127.0.0.1/x", "hashes": {}, "yanked": False}
        )
    for link in ("file:///etc/passwd", "ftp://x/a-2.zip", "https://[bad/a-3.zip", "javascript:alert(1)", 7):
        served.files["a"]["files"].append({"filename": "a-2.zip", "url": link, "hashes": {}, "yanked": False})
    index = connected()
    assert index.project("a").files == ()
    assert "a has no files on" in index.project("a").missing
    index.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [len(path.name) for path in written] == [64], "a digest, whatever the index says"


def test_a_name_is_part_of_no_path(connected: Connect, served: Shelf, tmp_path: Path) -> None:
    for name in ("../../../etc/passwd", "a/../../b", "a?x=1", "a b", ""):
        assert connected().project(name).missing
    assert all("etc" not in path and "?" not in path for path in served.asked)


def test_without_a_network_it_ends_at_once(connected: Connect) -> None:
    index = connected(index_url="http://127.0.0.1:9/simple")  # discard: nobody listens
    start = time.monotonic()
    for name in "abcdefgh":
        with pytest.raises(DoctorError, match=r"no connection.*Is there a network"):
            index.project(name)
    assert time.monotonic() - start < 3


def test_an_unknown_host(connected: Connect) -> None:
    with pytest.raises(DoctorError, match=r"its name is not known here|no connection"):
        connected(index_url="http://nowhere.invalid/simple").project("a")


def test_a_second_index_that_is_away_is_left_out(served: Shelf, connected: Connect) -> None:
    served.wheel("a", "1")
    environ = {"PIP_INDEX_URL": served.url, "PIP_EXTRA_INDEX_URL": "http://127.0.0.1:9/simple"}
    index = connected(index_url="", environ=environ)
    assert index.project("a").versions
    assert "left out, as pip does" in index.notes[0]


def test_two_indexes_and_find_links_add_up(served: Shelf, connected: Connect, tmp_path: Path) -> None:
    served.wheel("a", "1")
    (tmp_path / "simple" / "a").mkdir(parents=True)
    (tmp_path / "simple" / "a" / "a-2-py3-none-any.whl").write_bytes(b"")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a-3.tar.gz").write_bytes(b"")
    environ = {
        "PIP_INDEX_URL": served.url,
        "PIP_EXTRA_INDEX_URL": (tmp_path / "simple").as_uri(),
        "PIP_FIND_LINKS": str(tmp_path / "links"),
    }
    project = connected(index_url="", environ=environ).project("a")
    assert [str(version) for version in project.versions] == ["3", "2", "1"]


def test_nothing_is_written_outside_the_cache(
    served: Shelf, connected: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served.metadata = False
    served.wheel("a", "1")
    served.source("b", "1", "c")
    with connected() as index:
        index.metadata(index.project("a").files[0])
        index.metadata(index.project("b").files[0])
    assert os.listdir(tmp_path) == ["cache"]


def test_many_at_once(served: Shelf, connected: Connect) -> None:
    served.delay = 0.02
    names = [f"p{number}" for number in range(48)]
    for name in names:
        served.wheel(name, "1")
    start = time.monotonic()
    projects = connected().each(lambda name: index.project(name), names) if (index := connected()) else []
    assert all(project.versions for project in projects)
    assert time.monotonic() - start < 48 * 0.02
