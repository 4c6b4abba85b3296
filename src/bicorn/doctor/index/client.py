"""The index, as everything else of the doctor sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from ...errors import DoctorError
from ..facts import File
from . import cache as caching
from . import filenames, inside, links, metadata, packed, pages, settings
from .cache import Cache, Entry
from .metadata import Metadata
from .project import Project, to_text
from .reader import Absent, Reader, Unreadable, open_url
from .settings import CONNECTIONS, Settings

if TYPE_CHECKING:
    from .web import Web

T = TypeVar("T")
R = TypeVar("R")

FRESH = 600.0
"""Seconds for which a project's page is not asked for again."""

MAX_PAGE = 48 << 20

_KEPT = ("etag", "none")
_MISSES = 3  # metadata files that an index did not have, until it is taken to have none
_DAY = 86400.0


class Index:
    """A package index, or several, behind a cache. Its methods may be called from any thread.

    Attributes:
        settings: as they were found.
        notes: what was left out or looked wrong, in words.
        walked: by target, what has been asked for ahead of a resolution (:mod:`..prefetch`): a second one finds it.
        kept: under a name, what else one resolution leaves for the next (:mod:`..candidates`, :mod:`..resolve`).
    """

    def __init__(self, given: Settings, cache: Cache, *, offline: bool = False) -> None:
        self.settings = given
        self.notes: list[str] = [*given.notes]
        self.walked: dict[str, set[tuple[str, frozenset[str], str]]] = {}
        self.kept: dict[str, Any] = {}
        if cache.problem:
            self.notes.append(f"{cache.problem}: everything is fetched anew")
        self._cache, self._offline = cache, offline
        self._connected: Web | None = None
        self._threads = ThreadPoolExecutor(CONNECTIONS, "doctor-index")
        self._lock = Lock()
        self._projects: dict[str, Future[Project]] = {}
        self._metadata: dict[str, Future[tuple[Metadata | None, str]]] = {}  # and what was wrong with the file
        self._found: dict[str, Future[str]] = {}
        self._links: dict[str, Future[list[pages.Entry]]] = {}
        self._hosts: dict[str, int] = {}  # how many metadata files they did not have; -1: they have them

    def project(self, name: str) -> Project:
        """The project's page; a :class:`Project` without versions where there is none.

        Raises:
            DoctorError: the index does not answer, or what it says is no answer.
        """
        name = canonicalize_name(name)
        if not filenames.is_name(name):
            return Project(name, missing=f"{name[:80]!r} is no project's name")
        return self._once(self._projects, name, lambda: self._project(name))

    def metadata(self, file: File, *, ahead: bool = False) -> Metadata | None:
        """A file's metadata, the cheapest way; None where it cannot be known without running code.

        Args:
            ahead: perhaps nobody will want it: what is wrong with the file is noted when somebody does.

        Raises:
            DoctorError: the index does not answer, or the file is broken.
        """
        found, wrong = self._once(self._metadata, file.url, lambda: self._file_metadata(file))
        if wrong and not ahead:
            self.note(wrong)
        return found

    def open(self, file: File) -> Reader:
        """The file's bytes, seekable, fetched as they are read.

        Raises:
            DoctorError: the index does not answer. Reading may raise it too, also when more is read than is allowed.
        """
        self._online(file.url, file.filename)
        if said := self._known_absent(file.url):
            raise Absent(said)
        try:
            return open_url(self._web, file.url, from_end=not file.filename.endswith((".gz", ".tgz", ".bz2", ".xz")))
        except Absent as error:
            self._cache.put(f"absent {file.url}", str(error), at=time.time())
            raise

    def remembered(self, kind: str, file: File, find: Callable[[], tuple[str, bool]]) -> str:
        """What was found out about a file before, now or in an earlier run; found out where it was not.

        Args:
            kind: of what was found out; another kind's is never given.
            find: gives it as text, and whether it holds for later runs, too.
        """
        key = f"{kind} {file.url} {file.hashes.get('sha256', '')}"

        def found() -> str:
            if kept := self._cache.get(key):
                return kept.text
            text, lasting = find()
            if lasting and not file.url.startswith("file:"):
                self._cache.put(key, text)
            return text

        return self._once(self._found, key, found)

    def submit(self, function: Callable[[], R]) -> Future[R]:
        """Calls something in one of the index's threads. It must not wait for others that do."""
        return self._threads.submit(function)

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """``map()`` in parallel, bounded; the first exception is raised. Not to be called by such a function."""
        return [future.result() for future in [self._threads.submit(function, item) for item in items]]

    def note(self, text: str) -> None:
        """Adds to the notes, once."""
        with self._lock:
            if text not in self.notes and len(self.notes) < 100:
                self.notes.append(text)

    def close(self) -> None:
        """Ends its threads and connections; ``with`` does it too."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._connected:
            self._connected.close()
        self._cache.trim()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(self, known: dict[str, Future[R]], key: str, find: Callable[[], R]) -> R:
        """Whoever asks first finds it, others wait for that."""
        with self._lock:
            future = known.get(key)
            mine = future is None
            if future is None:
                future = known[key] = Future()
        if mine:
            try:
                future.set_result(find())
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def _online(self, key: str, what: str) -> None:
        if self._offline and not key.startswith("file:"):
            raise DoctorError(f"{what[:200]} is not in the cache, and --offline forbids to fetch it: run once without.")

    @property
    def _web(self) -> Web:
        """Made when something is to be fetched: where the cache has it all, there is no need to know how."""
        with self._lock:
            if not self._connected:
                from .web import Web

                self._connected = Web(self.settings)
            return self._connected

    def _known_absent(self, url: str) -> str:
        """What the index has said of a file that it does not have, as long as its pages count as fresh."""
        kept = self._cache.get(f"absent {url}")
        return kept.text if kept and 0 <= time.time() - float(kept.about.get("at", 0)) < FRESH else ""

    # Projects

    def _project(self, name: str) -> Project:
        texts, found = [], False
        for number, index in enumerate(self.settings.index_urls):
            try:
                text = self._page(index, name)
            except DoctorError as error:
                if number == 0:
                    raise
                self.note(f"left out, as pip does: {error}")
                continue
            found = found or text is not None
            texts.append(text or "")
        local = self._once(self._links, "", self._find_links)
        project = Project(name, [*texts, to_text(pages.group(local, name))])
        if not project.versions:
            where = " and ".join(pages.shown(url) for url in self.settings.index_urls) or "the find-links"
            project.missing = f"{name} has no files on {where}" if found else f"{name} is not on {where}"
        return project

    def _find_links(self) -> list[pages.Entry]:
        if not self.settings.find_links:
            return []
        return links.find(self.settings.find_links, self._web, self._offline, self.note)

    def _page(self, index: str, name: str) -> str | None:
        """A project's page as text for :class:`Project`; None where there is none."""
        url = f"{index}/{name}/"
        if url.startswith("file:"):
            body = links.local_page(url)
            return None if body is None else packed.text_of(body, "text/html", url, name)
        key = f"page {url}"
        kept = self._cache.get(key)
        if kept and (self._offline or 0 <= time.time() - float(kept.about.get("at", 0)) < FRESH):
            return None if kept.about.get("none") else kept.text
        self._online(url, name)
        try:
            return self._fetch_page(url, key, name, kept)
        except DoctorError as error:
            if not kept:
                raise
            self.note(f"{error} What the cache has is used.")
            return None if kept.about.get("none") else kept.text

    def _fetch_page(self, url: str, key: str, name: str, kept: Entry | None) -> str | None:
        tag = kept.about.get("etag") if kept else None
        headers = {"Accept": pages.ACCEPT, "Accept-Encoding": "gzip"}
        answer = self._web.get(url, headers | ({"If-None-Match": tag} if tag else {}), limit=MAX_PAGE)
        if answer.status == 304 and kept:
            self._cache.put(
                key, kept.text, at=time.time(), **{name: kept.about[name] for name in _KEPT if name in kept.about}
            )
            return None if kept.about.get("none") else kept.text
        if answer.status in (404, 410):
            self._cache.put(key, "", at=time.time(), none=True)
            return None
        if answer.status != 200:
            cure = "Check the user and the password in the index URL." if answer.status in (401, 403) else "Try later."
            raise DoctorError(f"{pages.shown(url)}: the index answers with status {answer.status}. {cure}")
        text = packed.text_of(answer.body, answer.headers.get("content-type", ""), answer.url, name)
        self._cache.put(key, text, at=time.time(), etag=answer.headers.get("etag", "")[:500])
        return text

    # Metadata

    def _file_metadata(self, file: File) -> tuple[Metadata | None, str]:
        """The metadata, and what is wrong with the file; empty where nothing is."""
        key = f"metadata {file.url} {file.hashes.get('sha256', '')}"
        kept = self._cache.get(key)
        if kept:
            try:
                return metadata.from_json(kept.text), ""
            except (ValueError, TypeError):
                pass  # of another kind: found anew
        self._online(file.url, f"the metadata of {file.filename}")
        try:
            found = self._announced(file) or self._looked_into(file)
        except Unreadable as error:
            return None, str(error)
        if not file.url.startswith("file:"):
            self._cache.put(key, metadata.to_json(found))
        return found, ""

    def _announced(self, file: File) -> Metadata | None:
        """The metadata file beside it (PEP 658): indexes that do not announce theirs may have them all the same."""
        host = urlsplit(file.url).netloc
        if file.url.startswith("file:") or not file.is_wheel:
            return None
        if not file.metadata and self._known_misses(host) >= _MISSES:
            return None
        url = file.url + ".metadata"
        if self._known_absent(url):
            return None
        answer = self._web.get(url, {"Accept-Encoding": "gzip"}, limit=metadata.MAX_BYTES)
        if answer.status in (404, 410):
            self._cache.put(f"absent {url}", "there is none beside it", at=time.time())
        found = metadata.parse(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None
        sound = found is not None and found.name == file.name
        if not file.metadata:
            self._count(host, sound)
        return found if sound else None

    def _known_misses(self, host: str) -> int:
        if host not in self._hosts:
            kept = self._cache.get(f"host {host}")
            fresh = kept is not None and 0 <= time.time() - float(kept.about.get("at", 0)) < _DAY
            self._hosts[host] = _MISSES if fresh else 0
        return self._hosts[host]

    def _count(self, host: str, sound: bool) -> None:
        with self._lock:
            misses = self._hosts.get(host, 0)
            self._hosts[host] = -1 if sound or misses < 0 else misses + 1
            settled = self._hosts[host] == _MISSES
        if settled:
            self._cache.put(f"host {host}", json.dumps(False), at=time.time())

    def _looked_into(self, file: File) -> Metadata | None:
        with self.open(file) as opened:
            return inside.of_wheel(opened, file.name) if file.is_wheel else inside.of_source(opened, file.name)


def connect(
    *,
    environ: Mapping[str, str],
    index_url: str = "",
    offline: bool = False,
    cache: str = "",
    directory: str = "",
    options: Iterable[tuple[str, str]] = (),
) -> Index:
    """An index as this machine's pip and uv are set up.

    Args:
        index_url: in place of the configured ones.
        offline: nothing is fetched; what is in the cache counts, however old.
        cache: the cache's folder; the user's own cache folder when empty.
        directory: the project's, where a ``uv.toml`` or a ``pyproject.toml`` may name indexes; none when empty.
        options: what requirements files say of indexes (``Wanted.options``).

    Raises:
        DoctorError: a configuration that cannot be read, or an index URL that is none.
    """
    given = settings.read(environ, index_url=index_url, directory=directory, options=options)
    return Index(given, Cache(cache or caching.folder(environ)), offline=offline)
