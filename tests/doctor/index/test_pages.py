from __future__ import annotations

import json
from urllib.parse import urljoin

import pytest

from bicorn.doctor.index import pages

URL = "https://index.example/simple/a/"


def test_html_with_everything_an_anchor_may_say() -> None:
    body = b"""<html><head><meta name="pypi:repository-version" content="1.3"><base href="https://cdn.example/x/"></head>
    <a href="a-1.tar.gz#sha256=abc" data-requires-python="&gt;=3.9" data-yanked>a</a>
    <a href="/y/a%2B-2.zip" data-dist-info-metadata="sha256=1">a</a> <a>none</a> <a href="..">up</a>"""
    assert pages.parse(body, "text/html", URL) == [
        pages.Entry("a-1.tar.gz", "https://cdn.example/x/a-1.tar.gz", 0, {"sha256": "abc"}, ">=3.9", "", False),
        pages.Entry("a+-2.zip", "https://cdn.example/y/a%2B-2.zip", 0, {}, "", None, True),
    ]


def test_json_that_says_nonsense_about_its_files() -> None:
    files = [
        {
            "filename": "a-1.zip",
            "url": "a-1.zip",
            "size": -1,
            "hashes": {"sha256": 7},
            "requires-python": None,
            "yanked": "x",
        },
        {"filename": "a-2.zip", "url": "a-2.zip", "size": "big", "hashes": [], "yanked": True},
        {"filename": None, "url": ""},
        "a-3.zip",
        None,
    ]
    found = pages.parse(json.dumps({"files": files}).encode(), "application/json", URL)
    assert [(entry.filename, entry.size, entry.hashes, entry.yanked) for entry in found] == [
        ("a-1.zip", 0, {}, "x"),
        ("a-2.zip", 0, {}, ""),
    ]


@pytest.mark.parametrize(
    "link", ["file:///etc/a-1.zip", "ftp://x/a-1.zip", "https://[x/a-1.zip", "http://x:y/a-1.zip", "data:,a-1.zip"]
)
def test_links_that_lead_nowhere(link: str) -> None:
    body = json.dumps({"files": [{"filename": "a-1.zip", "url": link}]}).encode()
    assert pages.parse(body, "application/json", URL) == []
    assert pages.parse(f'<a href="{link}">a</a>'.encode(), "text/html", URL) == []


@pytest.mark.parametrize(
    "link", ["/f/a-1.zip", "//other.example/a-1.zip", "/f/../a-1.zip", "/./a-1.zip", "/f//a-1.zip"]
)
def test_links_from_the_root_are_joined_as_ever(link: str) -> None:
    for url in (URL, "http://127.0.0.1:8080/simple/a/"):
        body = json.dumps({"files": [{"filename": "a-1.zip", "url": link}]}).encode()
        assert [entry.url for entry in pages.parse(body, "application/json", url)] == [urljoin(url, link)]


def test_a_page_of_this_machine_may_link_to_this_machine() -> None:
    found = pages.parse(b'<a href="../../files/a-1.zip">a</a>', "text/html", "file:///srv/simple/a/")
    assert found[0].url == "file:///srv/files/a-1.zip"


def test_a_page_with_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_FILES", 3)
    files = [{"filename": f"a-{number}.zip", "url": "x"} for number in range(9)]
    assert len(pages.parse(json.dumps({"files": files}).encode(), "application/json", URL)) == 3
    anchors = "".join(f'<a href="a-{number}.zip">' for number in range(9))
    assert len(pages.parse(anchors.encode(), "text/html", URL)) == 3


def test_no_password_is_shown() -> None:
    assert pages.shown("https://me:secret@index.example/simple/?token=1") == "https://index.example/simple/"


def test_what_is_another_projects_is_left_out() -> None:
    entries = pages.parse(b'<a href="a-1.zip"><a href="b-1.zip"><a href="a-1-py3-none-any.whl">', "text/html", URL)
    assert {version: len(files) for version, files in pages.group(entries, "a").items()} == {"1": 2}
