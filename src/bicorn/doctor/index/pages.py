"""A project's page, as an index sends it: JSON (PEP 691, PEP 700) or HTML (PEP 503, PEP 592, PEP 658)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from ...errors import DoctorError
from .filenames import is_sound, version_of

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_PLAIN = re.compile(r"https://[A-Za-z0-9.-]+/")  # needs no joining, as PyPI's
_ROOTED = re.compile(
    r"/(?:[A-Za-z0-9_%~@!+-][A-Za-z0-9_.%~@!+-]*/)*[A-Za-z0-9_%~@!+-][A-Za-z0-9_.%~@!+-]*"
)  # no dots to follow
MAX_FILES = 100_000  # more than any project has


class Entry(NamedTuple):
    """A file on a page."""

    filename: str
    url: str
    size: int
    hashes: dict[str, str]
    requires_python: str
    yanked: str | None
    metadata: bool


def parse(body: bytes, content_type: str, url: str) -> list[Entry]:
    """The files a page lists, as far as their names make sense.

    Args:
        content_type: the header's value.
        url: where the page came from in the end: links are relative to it.

    Raises:
        DoctorError: it is no such page.
    """
    kind = _kind(content_type)
    if is_json(content_type):
        found = _json(body, url)
    elif kind.endswith("html") or not kind:
        found = _html(body, url)
    else:
        raise DoctorError(f"{shown(url)} is no page of a package index: it came as {kind[:80]!r}. Check the index URL.")
    return list(found)


def is_json(content_type: str) -> bool:
    """Whether a page is JSON (PEP 691)."""
    kind = _kind(content_type)
    return kind.endswith("+json") or kind == "application/json"


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def shown(url: str) -> str:
    """A URL without its password and query, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200] if parts.netloc else url[:200]


def group(entries: list[Entry], project: str) -> dict[str, list[Entry]]:
    """By version as it is written; what is not the project's is left out."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        version = version_of(entry.filename, project)
        if version is not None:
            found.setdefault(version, []).append(entry)
    return found


def files(body: bytes, url: str) -> list[dict[str, Any]]:
    """What a page in JSON says of its files, not looked at yet.

    Raises:
        DoctorError: it is no such page.
    """
    try:
        page = json.loads(body)
        version = str(page.get("meta", {}).get("api-version", "1.0"))
        listed = page["files"]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise DoctorError(f"{shown(url)} is no page of a package index: its JSON cannot be read ({error!r:.80}).")
    _same_api(version, url)
    return [item for item in listed[:MAX_FILES] if isinstance(item, dict)] if isinstance(listed, list) else []


def root(url: str) -> str:
    """What comes before a link from the root; empty for a page of this machine."""
    return _absolute(url, "/").rstrip("/") if not url.startswith("file:") else ""


def _json(body: bytes, url: str) -> Iterator[Entry]:
    start = root(url)
    for item in files(body, url):
        if entry := json_entry(item, url, start):
            yield entry


def json_entry(item: dict[str, Any], url: str, root: str) -> Entry | None:
    """What a page in JSON says of a file; None where its name or its link makes no sense.

    Args:
        root: :func:`root` of the page.
    """
    filename, link, size = item.get("filename"), item.get("url"), item.get("size")
    hashes, yanked = item.get("hashes"), item.get("yanked", False)
    if not isinstance(filename, str) or not isinstance(link, str) or not is_sound(filename):
        return None
    if root and _ROOTED.fullmatch(link):
        link = root + link  # a page may have ten thousand
    elif not _PLAIN.match(link):
        link = _absolute(url, link)
    if not link:
        return None
    return Entry(
        filename,
        link,
        size if isinstance(size, int) and 0 <= size < 1 << 62 else 0,
        {name: text for name, text in hashes.items() if isinstance(text, str)} if isinstance(hashes, dict) else {},
        required(item.get("requires-python")),
        None if yanked is False or yanked is None else yanked[:500] if isinstance(yanked, str) else "",
        announces(item),
    )


def required(said: object) -> str:
    """A Requires-Python; empty where there is none."""
    return str(said or "")[:200]


def announces(item: dict[str, Any]) -> bool:
    """Whether a file's metadata is beside it (PEP 658, PEP 714)."""
    return bool(item.get("core-metadata") or item.get("dist-info-metadata") or item.get("data-dist-info-metadata"))


def _html(body: bytes, url: str) -> Iterator[Entry]:
    page = _Page(url)
    try:
        page.feed(body.decode("utf-8", "replace"))
        page.close()
    except (AssertionError, ValueError, RecursionError) as error:
        raise DoctorError(f"{shown(url)} is no page of a package index: its HTML cannot be read ({error!r:.80}).")
    return iter(page.found)


class _Page(HTMLParser):
    """Anchors, each a file; ``<base>``; the API's version (PEP 629)."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.found: list[Entry] = []
        self.url = self.base = url

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "base", "meta"):
            return
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag == "meta" and given.get("name") == "pypi:repository-version":
            _same_api(given.get("content", ""), self.url)
        elif tag == "base" and given.get("href"):
            self.base = _absolute(self.url, given["href"]) or self.base
        elif tag == "a" and "href" in given and len(self.found) < MAX_FILES:
            self._anchor(given)

    def _anchor(self, given: dict[str, str]) -> None:
        link, fragment = urldefrag(given["href"])
        filename = unquote(link.partition("?")[0].rstrip("/").rpartition("/")[2])
        link = _absolute(self.base, link)
        if not link or not is_sound(filename):
            return
        algorithm, _, digest = fragment.partition("=")
        hashes = {algorithm: digest} if digest and algorithm in ("sha256", "sha384", "sha512", "md5") else {}
        announced = given.get("data-core-metadata", given.get("data-dist-info-metadata", "false")) != "false"
        required, yanked = given.get("data-requires-python", "")[:200], given.get("data-yanked")
        self.found.append(
            Entry(filename, link, 0, hashes, required, None if yanked is None else yanked[:500], announced)
        )


def _same_api(version: str, url: str) -> None:
    if version.partition(".")[0] not in ("1", ""):
        raise DoctorError(f"{shown(url)} speaks version {version[:20]} of the index API; known is 1. Update Bicorn.")


def _absolute(base: str, link: str) -> str:
    """Empty where it leads to what is no package: only a page that is a local file may link to local files."""
    try:
        link = urljoin(base, link)
        parts = urlsplit(link)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and parts.hostname:
        return link
    return link if parts.scheme == "file" and base.startswith("file:") else ""
