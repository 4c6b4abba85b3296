from __future__ import annotations

import os
import threading
from pathlib import Path

from bicorn.doctor.index.cache import MAX_ENTRY, Cache, folder


def test_what_is_put_is_got(tmp_path: Path) -> None:
    Cache(str(tmp_path / "c")).put("a key", "text\n\x00é", etag="x")
    found = Cache(str(tmp_path / "c")).get("a key")
    assert found is not None
    assert (found.text, found.about["etag"]) == ("text\n\x00é", "x")
    assert Cache(str(tmp_path / "c")).get("another") is None
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


def test_what_is_broken_or_anothers_is_none(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.put("a", "1")
    file = next(path for path in tmp_path.rglob("*") if path.is_file())
    for content in (b"", b"{", b"[" * 100_000 + b"\n", b"[]\n1", b'{"key": "b"}\n1', b'{"key": "a"}\n\xff'):
        file.write_bytes(content)
        assert cache.get("a") is None


def test_the_oldest_go_first(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    for number in range(10):
        cache.put(str(number), "x" * 1000)
        newest = max((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number, number))
    cache.trim(5000)
    assert [cache.get(str(number)) is not None for number in range(10)] == [False] * 7 + [True] * 3


def test_a_folder_that_cannot_be_used_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file" / "below"))
    cache.put("a", "1")
    assert cache.get("a") is None
    assert "cannot be used" in cache.problem


def test_without_a_folder_it_forgets() -> None:
    cache = Cache("")
    cache.put("a", "1")
    cache.trim()
    assert cache.get("a") is None


def test_too_large_an_entry_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.put("a", "x" * (MAX_ENTRY + 1))
    assert cache.get("a") is None


def test_many_writers_leave_a_whole_entry_and_nothing_else(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    texts = {letter * 10_000 for letter in "abcdef"}
    threads = [threading.Thread(target=cache.put, args=("key", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = cache.get("key")
    assert found is not None
    assert found.text in texts
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_where_it_is() -> None:
    assert folder({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == "/x/bicorn/doctor"
    assert folder({"XDG_CACHE_HOME": "relative", "HOME": "/h"}).startswith("/h/")
    assert folder({}) == ""
