"""A package index on 127.0.0.1, replayed from what pip has fetched: ``bicorn doctor`` without asking the real one.

    python scripts/replay.py --keep VENV/bin/python       # once: a throw-away environment whose pip keeps everything
    VENV/bin/python -m pip download --cache-dir DIR ...   # or pip wheel, pip install --dry-run
    python scripts/replay.py --cache DIR [--delay SECONDS] [--port 0]
    bicorn doctor --index-url http://127.0.0.1:PORT/simple ...

``DIR`` is pip's own cache: its store of HTTP answers holds the projects' pages, the ``.metadata`` files (PEP 658) and
the archives that pip asked for, each under the SHA-224 of its URL. The pages are served as they were (PEP 691: files,
hashes, Requires-Python, yanked), with links to this server; files also in byte ranges (RFC 9110, section 14). The
metadata of wheels that pip has fetched are announced, as PyPI does of all (an index in between may keep that from pip).
Nothing is fetched: what pip has not asked for is answered with 404 and named on standard error at the end.

pip keeps an answer only where the index sent an ETag or an expiry, which one behind a proxy may not do. ``--keep`` adds
a few lines to the pip of one environment so that it keeps every answer; do that to a throw-away environment only. Where
an index announces no metadata (PEP 658), pip fetches whole wheels to know it, with ``--dry-run`` too: that may be much.

``--cache`` may be given several times. ``--delay`` waits before each answer, as a far index would. The URL is the first
line of standard output; SIGTERM or Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from packaging.utils import canonicalize_name
from pip._vendor import msgpack

PAGE = "application/vnd.pypi.simple.v1+json"
STORES = ("http-v2", "http")
MARK = "# every answer is kept"
KEEPING = f"""

{MARK}: scripts/replay.py
_build_response = CacheControlAdapter.build_response


def _kept(self, request, response, from_cache=False, *args, **kwargs):
    if not from_cache and response.status == 200:
        response.headers.setdefault("ETag", '"kept"')
    return _build_response(self, request, response, from_cache, *args, **kwargs)


CacheControlAdapter.build_response = _kept
"""


class Kept:
    """What pip has kept, by URL.

    Attributes:
        missed: what was asked for and is not there.
        asked: how many requests were answered.
    """

    def __init__(self, caches: list[Path]) -> None:
        self._stores = [cache / store for cache in caches for store in STORES if (cache / store).is_dir()]
        self._pages: dict[str, bytes] = {}
        self.missed: dict[str, int] = {}
        self.asked = 0
        self._remote: dict[str, str] = {}
        self._lock = threading.Lock()
        newest: dict[str, float] = {}
        for written, name, page in self._read_pages():
            if written >= newest.get(name, 0.0):
                newest[name] = written
                self._pages[name] = self._linked(name, page)

    @property
    def projects(self) -> tuple[str, ...]:
        """The names of those whose page is kept."""
        return tuple(self._pages)

    def page(self, name: str) -> bytes | None:
        """A project's page, with links to this server."""
        return self._pages.get(canonicalize_name(name))

    def file(self, path: str) -> bytes | None:
        """A file's bytes, by its path here; a wheel's metadata also out of the wheel."""
        wanted, metadata = (path.removesuffix(".metadata"), path.endswith(".metadata"))
        url = self._remote.get(wanted)
        if not url:
            return None
        if not metadata:
            return self._body(url)
        found = self._body(f"{url}.metadata")
        return found if found is not None else self._from_wheel(url)

    def count(self, path: str, found: bool) -> None:
        """Notes one request."""
        with self._lock:
            self.asked += 1
            if not found:
                self.missed[path] = self.missed.get(path, 0) + 1

    def _entry(self, url: str) -> Path | None:
        key = hashlib.sha224(url.encode()).hexdigest()
        for store in self._stores:
            if (path := store.joinpath(*key[:5], key)).is_file():
                return path
        return None

    def _body(self, url: str) -> bytes | None:
        entry = self._entry(url)
        return _body(entry) if entry else None

    def _from_wheel(self, url: str) -> bytes | None:
        entry = self._entry(url) if url.endswith(".whl") else None
        body = entry.with_name(f"{entry.name}.body") if entry else None
        if not body or not body.is_file():
            return None
        with zipfile.ZipFile(body) as wheel:
            name = next((name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), "")
            return wheel.read(name) if name else None

    def _read_pages(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        for store in self._stores:
            for path in store.glob("?/?/?/?/?/*"):
                if re.fullmatch("[0-9a-f]{56}", path.name) and path.stat().st_size < 64 << 20:
                    headers, body = _answer(path, only=PAGE)
                    if headers and body is not None:
                        page = json.loads(body)
                        yield path.stat().st_mtime, canonicalize_name(page["name"]), page

    def _linked(self, name: str, page: dict[str, Any]) -> bytes:
        for file in page["files"]:
            url = urljoin(f"https://pypi.org/simple/{name}/", file["url"])
            parts = urlsplit(url)
            local = f"/files/{parts.netloc}{parts.path}"
            remote = self._remote[local] = url.partition("#")[0]
            file["url"] = local
            if remote.endswith(".whl") and (self._entry(f"{remote}.metadata") or self._entry(remote)):
                file["core-metadata"] = True
        return json.dumps(page).encode()


def _answer(path: Path, only: str = "") -> tuple[dict[str, str], bytes | None]:
    """An answer of pip's store: its headers in lower case, and its body decoded; of another type only the headers."""
    content = path.read_bytes()
    if not content.startswith(b"cc=4,"):
        return {}, None
    response = msgpack.loads(content[5:], raw=False)["response"]  # type: ignore[no-untyped-call]
    headers = {name.lower(): value for name, value in response["headers"].items()}
    if only and headers.get("content-type", "").partition(";")[0] != only:
        return headers, None
    beside = path.with_name(f"{path.name}.body")
    body: bytes = beside.read_bytes() if beside.is_file() else response["body"]
    if headers.get("content-encoding") == "gzip":
        body = zlib.decompress(body, wbits=31)
    return headers, body


@lru_cache(16)  # a file is asked for part by part: an index does not take the asker's processor to find them
def _body(path: Path) -> bytes | None:
    return _answer(path)[1]


class Handler(BaseHTTPRequestHandler):
    """Answers from what is kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    kept: Kept
    delay: float

    def do_GET(self) -> None:
        """A page, a file, or a part of one."""
        if self.delay:
            time.sleep(self.delay)
        path = urlsplit(self.path).path
        page = re.fullmatch(r"/simple/([^/]+)/?", path)
        body = self.kept.page(page[1]) if page else self.kept.file(path)
        self.kept.count(path, body is not None)
        if body is None:
            self._send(404, b"", "text/plain")
        elif page:
            self._send(200, body, PAGE)
        else:
            self._file(body)

    def do_HEAD(self) -> None:
        """The same without the body."""
        self.do_GET()

    def _file(self, body: bytes) -> None:
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not part or not any(part.groups()):
            return self._send(200, body, "application/octet-stream")
        first = int(part[1]) if part[1] else max(len(body) - int(part[2]), 0)
        last = min(int(part[2]) if part[1] and part[2] else len(body), len(body) - 1)
        if first > last:
            return self._send(416, b"", "text/plain", f"bytes */{len(body)}")
        content = body[first : last + 1]
        return self._send(206, content, "application/octet-stream", f"bytes {first}-{last}/{len(body)}")

    def _send(self, status: int, body: bytes, kind: str, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: what was missed is said at the end."""


@contextmanager
def serving(caches: list[Path], *, delay: float = 0.0, port: int = 0) -> Iterator[tuple[str, Kept]]:
    """The index's URL and what it has, for as long as the ``with`` lasts."""
    kept = Kept(caches)
    handler = type("Bound", (Handler,), {"kept": kept, "delay": delay})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple", kept
        finally:
            server.shutdown()
            thread.join()


def keep(python: list[str], root: str = "") -> None:
    """Makes the pip of an environment keep every answer.

    Args:
        python: how to call its interpreter.
        root: of a chroot, which its paths are in.
    """
    asked = "import pip._vendor.cachecontrol.adapter as a; print(a.__file__)"
    path = subprocess.run([*python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    file = Path(f"{root}{path}")
    text = file.read_text()
    if MARK not in text:
        file.write_text(text + KEEPING)


def main() -> int:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", metavar="PYTHON", help="make that environment's pip keep every answer, and exit")
    parser.add_argument("--cache", action="append", default=[], type=Path, metavar="DIR")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.keep:
        keep([given.keep])
        return 0
    if not given.cache:
        parser.error("--cache DIR is needed")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serving(given.cache, delay=given.delay, port=given.port) as (url, kept):
        print(url, flush=True)
        print(f"{len(kept.projects)} projects' pages", file=sys.stderr)
        ended.wait()
    print(f"{kept.asked} requests; not there:", *sorted(kept.missed) or ["nothing"], sep="\n  ", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
