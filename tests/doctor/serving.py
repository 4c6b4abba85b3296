"""A package index on this machine, as good or as bad as a test wants it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class Shelf:
    """The index's content.

    Attributes:
        asked: paths in the order they were asked for; with the range where there is one.
        answers: paths that are answered by a function, in place of files.
        ranges, announce, json: what the server can do.
        delay: seconds before each answer.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[dict[str, str]], Answer]] = {}
        self.ranges = self.announce = self.json = self.metadata = True
        self.delay = 0.0
        self.url = ""

    def add(self, filename: str, body: bytes = b"", metadata: str = "", **facts: Any) -> None:
        name = re.sub(r"[-_.]+", "-", re.split(r"-\d", filename)[0]).lower()
        if metadata and filename.endswith(".whl"):
            self.bodies[f"/files/{filename}.metadata"] = metadata.encode()
        self.bodies[f"/files/{filename}"] = body
        digest = hashlib.sha256(filename.encode() + body).hexdigest()
        item = {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": digest}, "size": len(body)}
        self.files.setdefault(name, {"meta": {"api-version": "1.1"}, "name": name, "files": []})["files"].append(
            item | {"yanked": False, "core-metadata": bool(metadata)} | facts
        )

    def wheel(
        self, name: str, version: str, *requires: str, tag: str = "py3-none-any", python: str = "", **facts: Any
    ) -> None:
        """Adds a wheel, its metadata in it and beside it."""
        text = metadata(name, version, *requires, python=python)
        stem = f"{name.replace('-', '_')}-{version}"
        body = zipped({f"{stem}.dist-info/METADATA": text, f"{name}/__init__.py": "raise SystemExit('run!')\n" * 50})
        if python:
            facts.setdefault("requires-python", python)
        self.add(f"{stem}-{tag}.whl", body, text, **facts)

    def source(self, name: str, version: str, *requires: str, python: str = "", **facts: Any) -> None:
        """Adds a source archive that settles what it needs."""
        text = "Metadata-Version: 2.2\n" + metadata(name, version, *requires, python=python).partition("\n")[2]
        if python:
            facts.setdefault("requires-python", python)
        self.add(f"{name}-{version}.tar.gz", tarred({f"{name}-{version}/PKG-INFO": text}), **facts)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        if path in self.answers:
            return self.answers[path](headers)
        match = re.fullmatch(r"/simple/([^/]+)/", path)
        if match and match[1] in self.files:
            return self._page(self.files[match[1]], headers)
        if path in self.bodies and (self.metadata or not path.endswith(".metadata")):
            return self._file(self.bodies[path], headers)
        return 404, {}, b"no"

    def _page(self, page: dict[str, Any], headers: dict[str, str]) -> Answer:
        body = json.dumps(page).encode()
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        if headers.get("if-none-match") == tag:
            return 304, {"ETag": tag}, b""
        if self.json:
            kind = "application/vnd.pypi.simple.v1+json"
        else:
            kind, body = "text/html; charset=utf-8", html(page).encode()
        return 200, {"Content-Type": kind, "ETag": tag, "Content-Encoding": "gzip"}, gzip.compress(body, 1)

    def _file(self, body: bytes, headers: dict[str, str]) -> Answer:
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
        if not self.ranges or not match:
            return 200, {}, body
        start = int(match[1]) if match[1] else max(0, len(body) - int(match[2]))
        end = min(int(match[2]) if match[1] and match[2] else len(body) - 1, len(body) - 1)
        return 206, {"Content-Range": f"bytes {start}-{end}/{len(body)}"}, body[start : end + 1]


def html(page: dict[str, Any]) -> str:
    """The same page as PEP 503 has it."""
    anchors = []
    for item in page["files"]:
        given = (
            f' data-requires-python="{item["requires-python"].replace(">", "&gt;")}"'
            if item.get("requires-python")
            else ""
        )
        given += ' data-core-metadata="true"' if item.get("core-metadata") else ""
        given += f' data-yanked="{item["yanked"]}"' if item["yanked"] else ""
        anchors.append(f'<a href="{item["url"]}#sha256={item["hashes"]["sha256"]}"{given}>{item["filename"]}</a><br>')
    return "<!DOCTYPE html><html><body>" + "\n".join(anchors) + "</body></html>"


def metadata(name: str, version: str, *requires: str, python: str = "") -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {item}" for item in requires),
    ]
    return "\n".join([*lines, *([f"Requires-Python: {python}"] if python else []), "", "A description."])


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    shelf: Shelf

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.shelf.asked.append(f"{self.path} {headers['range']}" if "range" in headers else self.path)
        if self.shelf.delay:
            time.sleep(self.shelf.delay)
        status, given, body = self.shelf.answer(self.path, headers)
        try:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **given}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has seen enough

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Shelf]:
    """An index that is served; its URL is ``shelf.url``."""
    content = Shelf()
    handler = type("Handler", (_Handler,), {"shelf": content})
    with _Server(("127.0.0.1", 0), handler) as server:
        content.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield content
        server.shutdown()
        thread.join()
