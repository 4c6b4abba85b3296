"""Archives without an index: pip's find-links, and indexes that are folders of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from ...errors import DoctorError
from . import pages
from .filenames import is_sound
from .pages import Entry
from .reader import local_path

if TYPE_CHECKING:
    from .web import Web

_MAX_BYTES = 16 << 20


def find(links: Iterable[str], web: Web, offline: bool, note: Callable[[str], None]) -> list[Entry]:
    """The files there. What cannot be read is noted and left out, as pip does."""
    entries: list[Entry] = []
    for link in links:
        try:
            if not link.startswith(("http:", "https:")):
                entries += _local(link)
            elif offline:
                note(f"left out, as --offline says: {pages.shown(link)}")
            else:
                entries += _remote(link, web)
        except DoctorError as error:
            note(f"left out: {error}")
    return entries


def local_page(url: str) -> bytes | None:
    """A page of an index that is a folder: its ``index.html``, or what is in it; None where there is neither."""
    folder = local_path(url)
    try:
        with open(os.path.join(folder, "index.html"), "rb") as file:
            return file.read(_MAX_BYTES)
    except OSError:
        pass
    try:
        names = sorted(os.listdir(folder))[: pages.MAX_FILES]
    except OSError:
        return None
    return "".join(f'<a href="{quote(name)}"></a>\n' for name in names if is_sound(name)).encode()


def _local(link: str) -> list[Entry]:
    path = local_path(link) if link.startswith("file:") else os.path.expanduser(link)
    if os.path.isdir(path):
        body, base = local_page("file://" + quote(path)) or b"", "file://" + quote(os.path.abspath(path)) + "/"
        return pages.parse(body, "text/html", base)
    try:
        with open(path, "rb") as file:
            body = file.read(_MAX_BYTES)
    except OSError as error:
        raise DoctorError(f"the find-links {link} cannot be read: {error.strerror}")
    return pages.parse(body, "text/html", urljoin("file://", quote(os.path.abspath(path))))


def _remote(link: str, web: Web) -> list[Entry]:
    answer = web.get(link, {"Accept": "text/html", "Accept-Encoding": "gzip"}, limit=_MAX_BYTES)
    if answer.status != 200:
        raise DoctorError(f"{pages.shown(link)} answers with status {answer.status}")
    return pages.parse(answer.body, answer.headers.get("content-type", ""), answer.url)
