from __future__ import annotations

import json
from typing import Any

import pytest

from bicorn.doctor.index import packed, pages
from bicorn.doctor.index.project import to_text
from bicorn.errors import DoctorError

URL = "https://index.example/simple/a/"
PLAIN = {
    "filename": "a-1.zip",
    "url": "https://files.example/p/a-1.zip",
    "hashes": {"sha256": "0aF"},
    "requires-python": ">=3.9",
    "size": 7,
    "upload-time": "2020-01-01T00:00:00Z",
    "yanked": False,
    "core-metadata": {"sha256": "1"},
}
ODD: list[dict[str, Any]] = [
    {},
    {"url": "/p/a-1.zip"},
    {"url": "/p/../a-1.zip"},
    {"url": "//other.example/a-1.zip"},
    {"url": "/p//a-1.zip"},
    {"url": "/p/"},
    {"url": "/p/a 1.zip"},
    {"url": "/p/\ud800é"},
    {"url": ""},
    {"url": "a-1.zip"},
    {"url": 'https://files.example/"\n\t\\'},
    {"url": "https://files.example/a?b=c#d"},
    {"url": "file:///etc/passwd"},
    {"url": 7},
    {"filename": "a-1-py3-none-any.whl"},
    {"filename": "b-1.zip"},
    {"filename": "../a-1.zip"},
    {"filename": None},
    {"size": -1},
    {"size": True},
    {"size": "7"},
    {"size": 1 << 62},
    {"hashes": {}},
    {"hashes": []},
    {"hashes": {"md5": "1"}},
    {"hashes": {"sha256": '"'}},
    {"hashes": {"sha256": ""}},
    {"hashes": {"sha256": 7}},
    {"hashes": {"sha256": "1", "md5": "2"}},
    {"yanked": True},
    {"yanked": "why\n"},
    {"yanked": None},
    {"requires-python": None},
    {"requires-python": 'é"\n\t'},
    {"requires-python": [">=3"]},
    {"requires-python": {"a": 1}},
    {"requires-python": "x" * 300},
    {"core-metadata": False},
    {"core-metadata": False, "dist-info-metadata": True},
]


def lines(text: str) -> dict[str, Any]:
    rows = (line.partition("\t") for line in text.splitlines())
    return {version: json.loads(files) for version, _, files in rows}


@pytest.mark.parametrize("url", [URL, "file:///srv/simple/a/", 'http://host:80/"/a/'])
def test_the_quick_way_says_what_the_careful_one_says(url: str) -> None:
    files = [PLAIN | odd for odd in ODD] + ["a-1.zip", None]
    body = json.dumps({"meta": {"api-version": "1.1"}, "files": files}).encode()
    careful = to_text(pages.group(pages.parse(body, "application/vnd.pypi.simple.v1+json", url), "a"))
    found = lines(packed.text_of(body, "application/vnd.pypi.simple.v1+json", url, "a"))
    assert found == lines(careful)
    assert len(found["1"]) > 10


def test_a_page_in_html() -> None:
    text = packed.text_of(b'<a href="a-1.zip"><a href="b-1.zip">', "text/html", URL, "a")
    assert lines(text) == {"1": [["a-1.zip", URL + "a-1.zip", 0, {}, "", None, False]]}


def test_what_is_no_page() -> None:
    for body in (b"", b"[]", b'{"files": {}, "meta": {"api-version": "2.0"}}'):
        with pytest.raises(DoctorError):
            packed.text_of(body, "application/json", URL, "a")
    assert packed.text_of(b'{"files": {}}', "application/json", URL, "a") == ""
