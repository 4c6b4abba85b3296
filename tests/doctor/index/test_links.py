from __future__ import annotations

from pathlib import Path

from bicorn.doctor.index import links
from bicorn.doctor.index.settings import Settings
from bicorn.doctor.index.web import Web

from ..serving import Shelf


def test_folders_pages_and_what_is_neither(served: Shelf, tmp_path: Path) -> None:
    (tmp_path / "shelf").mkdir()
    for name in ("a-1.zip", "bad name.zip"):
        (tmp_path / "shelf" / name).write_bytes(b"")
    (tmp_path / "page.html").write_text('<a href="sub/b-1.zip">b</a>')
    served.answers["/links"] = lambda headers: (200, {"Content-Type": "text/html"}, b'<a href="/c-1.zip">c</a>')
    served.answers["/gone"] = lambda headers: (404, {}, b"")
    web, notes = Web(Settings()), list[str]()
    base = served.url.removesuffix("/simple")
    places = [
        str(tmp_path / "shelf"),
        str(tmp_path / "page.html"),
        f"{base}/links",
        f"{base}/gone",
        str(tmp_path / "none"),
    ]
    found = links.find(places, web, False, notes.append)
    assert [entry.url for entry in found] == [
        f"file://{tmp_path}/shelf/a-1.zip",
        f"file://{tmp_path}/sub/b-1.zip",
        f"{base}/c-1.zip",
    ]
    assert ["status 404" in note or "cannot be read" in note for note in notes] == [True, True]
    assert len(links.find([f"{base}/links"], web, True, notes.append)) == 0
    web.close()


def test_an_index_that_is_a_folder(tmp_path: Path) -> None:
    assert links.local_page(tmp_path.as_uri()) == b""
    assert links.local_page((tmp_path / "none").as_uri()) is None
    (tmp_path / "a-1.zip").write_bytes(b"")
    assert links.local_page(tmp_path.as_uri()) == b'<a href="a-1.zip"></a>\n'
    (tmp_path / "index.html").write_text("<a>")
    assert links.local_page(tmp_path.as_uri()) == b"<a>"
