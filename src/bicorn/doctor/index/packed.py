"""A page as text for :class:`.project.Project`, without a record for each of its files.

A large project has ten thousand files, an application two hundred projects: most of a cold start is spent here. What
PyPI says of a file is plain, and goes from its JSON to the text as it is; whatever else a page says is read with care
(:mod:`.pages`), one file or the page.
"""

from __future__ import annotations

import json
import re
from typing import Any

from . import pages
from .filenames import is_sound, version_of
from .project import to_text

_HOST = re.compile(r"https://[A-Za-z0-9.-]+/")
_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.%~@!+/-"
"""Of a link: what neither JSON nor the joining of URLs would change, apart from dots and empty parts."""


def text_of(body: bytes, content_type: str, url: str, name: str) -> str:
    """The text.

    Args:
        name: the project's, normalized: the files of others are left out.

    Raises:
        DoctorError: it is no such page.
    """
    if not pages.is_json(content_type):
        return to_text(pages.group(pages.parse(body, content_type, url), name))
    root = pages.root(url)
    shown = json.dumps(root)[1:-1]
    known: dict[str | None, str] = {}
    found: dict[str, list[str]] = {}
    for item in pages.files(body, url):
        filename = item.get("filename")
        if not isinstance(filename, str) or not is_sound(filename):
            continue
        row = _plain(item, filename, shown, known)
        if row is None:
            entry = pages.json_entry(item, url, root)
            row = json.dumps(entry) if entry else ""
        version = version_of(filename, name) if row else None
        if version is not None:
            found.setdefault(version, []).append(row)
    return "\n".join([f"{version}\t[{', '.join(rows)}]" for version, rows in found.items()])


def _plain(item: dict[str, Any], filename: str, root: str, known: dict[str | None, str]) -> str | None:
    """A file's entry as JSON; None where anything of it is unusual.

    Args:
        root: to be put before a link from the root; empty for a page of this machine.
        known: what was said of Requires-Python, as JSON.
    """
    link, size, hashes, required = item.get("url"), item.get("size"), item.get("hashes"), item.get("requires-python")
    if item.get("yanked", False) is not False or type(size) is not int or not 0 <= size < 1 << 62:
        return None
    if type(link) is not str or type(hashes) is not dict or len(hashes) != 1:
        return None
    digest = hashes.get("sha256")
    if type(digest) is not str:
        return None
    if root and link[:1] == "/":
        if "//" in link or "/." in link or link[-1] == "/" or not _is_safe(link + digest):
            return None
        link = root + link
    elif not (host := _HOST.match(link)) or not _is_safe(link[host.end() :] + digest):
        return None
    if required is not None and type(required) is not str:
        return None
    if required not in known:
        known[required] = json.dumps(pages.required(required))
    said = "true" if pages.announces(item) else "false"
    return f'["{filename}", "{link}", {size}, {{"sha256": "{digest}"}}, {known[required]}, null, {said}]'


def _is_safe(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _SAFE)
