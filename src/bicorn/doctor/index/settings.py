"""Which index, as pip and uv are set up on this machine.

Strongest first: ``--index-url``; ``PIP_*``; ``UV_*``; the project's ``uv.toml`` or ``[tool.uv]``; pip's files, the
more specific first (https://pip.pypa.io/en/stable/topics/configuration/); uv's own file. Further indexes and
find-links add up.
"""

from __future__ import annotations

import configparser
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from ...errors import DoctorError
from ...record import Record
from .pages import shown

PYPI = "https://pypi.org/simple"
CONNECTIONS = 16
"""At once, to all indexes."""
_MAX_FILE = 1 << 20


class Settings(Record):
    """How to reach what indexes.

    Args:
        index_urls: the main one first; without a slash at the end.
        find_links: folders, files and pages that list archives.
        cert: a file or folder of certificate authorities; empty: the system's.
        proxies: by scheme; ``"no"`` lists who is reached without.
        timeout: seconds of silence.
        constraints: files that pip applies to whatever it installs.
        pre: whether prereleases are as good as releases.
        notes: what is set and not followed, in words.
    """

    index_urls: tuple[str, ...] = (PYPI,)
    find_links: tuple[str, ...] = ()
    cert: str = ""
    client_cert: str = ""
    proxies: dict[str, str] = {}
    trusted_hosts: tuple[str, ...] = ()
    timeout: float = 15.0
    constraints: tuple[str, ...] = ()
    pre: bool = False
    netrc: str = ""
    notes: tuple[str, ...] = ()


Values = dict[str, str]  # pip's names: "index-url"; several values are separated by blanks


def read(
    environ: Mapping[str, str], *, index_url: str = "", directory: str = "", options: Iterable[tuple[str, str]] = ()
) -> Settings:
    """Reads them all.

    Args:
        options: of requirements files, which are stronger than what the machine is set to.

    Raises:
        DoctorError: a configuration file cannot be parsed, or an index's URL is none.
    """
    layers = [_given(options), _pip_variables(environ), _uv_variables(environ)]
    layers += [_uv_file(path, environ, _project_table) for path in _project_files(directory)]
    layers += [_pip_file(path) for path in _pip_files(environ)]
    layers += [_uv_file(path, environ, _whole) for path in _uv_files(environ)]
    first = {name: value for layer in reversed(layers) for name, value in layer.items() if value.strip()}
    main = index_url or first.get("index-url", PYPI)
    indexes = [] if first.get("no-index", "").lower() in ("1", "true", "yes", "on") else [main]
    if indexes and not index_url:
        indexes += _all(layers, "extra-index-url")
    links = _all(layers, "find-links")
    certificates = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return Settings(
        index_urls=tuple(dict.fromkeys(_checked(url) for url in indexes)),
        find_links=tuple(dict.fromkeys(links)),
        cert=first.get("cert", "") or next((environ[name] for name in certificates if environ.get(name)), ""),
        client_cert=first.get("client-cert", ""),
        proxies=_proxies(environ, first.get("proxy", "")),
        trusted_hosts=tuple(_all(layers, "trusted-host")),
        timeout=_seconds(first.get("timeout", first.get("default-timeout", ""))),
        constraints=tuple(_all(layers, "constraint")),
        pre=first.get("pre", "").lower() in ("1", "true", "yes", "on"),
        netrc=environ.get("NETRC", "") or (os.path.join(environ["HOME"], ".netrc") if environ.get("HOME") else ""),
        notes=tuple(
            f"pip's {name} = {first[name]!r} is not followed" for name in ("only-binary", "no-binary") if name in first
        ),
    )


def _given(options: Iterable[tuple[str, str]]) -> Values:
    found: Values = {}
    for name, value in options:
        found[name] = value if name == "index-url" else f"{found.get(name, '')} {value}".strip()
    return found


def _all(layers: list[Values], name: str) -> list[str]:
    return list(dict.fromkeys(word for layer in layers for word in layer.get(name, "").split()))


def _checked(url: str) -> str:
    """An index's URL; a folder's path becomes one."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound and "://" not in url and os.path.isdir(url):
        return "file://" + quote(os.path.abspath(url))
    if not sound and not url.startswith("file:///"):
        raise DoctorError(f"{shown(url)} is no index: give a URL that begins with https://, http:// or file:///")
    return url.rstrip("/")


def _seconds(text: str) -> float:
    try:
        return min(max(float(text), 1.0), 60.0)
    except ValueError:
        return 15.0


def _proxies(environ: Mapping[str, str], proxy: str) -> dict[str, str]:
    """As everything that follows curl has it; ``HTTP_PROXY`` in capitals may be a request's header in CGI."""
    found = {"http": proxy, "https": proxy}
    for scheme in found:
        names: tuple[str, ...] = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
        if scheme == "http" and "REQUEST_METHOD" in environ:
            names = names[:1]
        found[scheme] = proxy or next((environ[name] for name in names if environ.get(name)), "")
    found["no"] = environ.get("no_proxy", "") or environ.get("NO_PROXY", "")
    return {name: url if name == "no" or "://" in url else f"http://{url}" for name, url in found.items() if url}


def _pip_variables(environ: Mapping[str, str]) -> Values:
    return {name[4:].lower().replace("_", "-"): text for name, text in environ.items() if name.startswith("PIP_")}


def _pip_files(environ: Mapping[str, str]) -> Iterator[str]:
    """The strongest first."""
    named, home = environ.get("PIP_CONFIG_FILE", ""), environ.get("HOME", "")
    if named == os.devnull:
        return
    if named:
        yield named
    yield os.path.join(environ.get("VIRTUAL_ENV") or sys.prefix, "pip.conf")
    if home:
        mac = os.path.join(home, "Library/Application Support/pip")
        if sys.platform == "darwin" and os.path.isdir(mac):
            yield os.path.join(mac, "pip.conf")
        else:
            yield os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", "pip.conf")
        yield os.path.join(home, ".pip", "pip.conf")
    yield "/etc/pip.conf"
    if sys.platform == "darwin":
        yield "/Library/Application Support/pip/pip.conf"
    for folder in reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")):
        yield os.path.join(folder, "pip", "pip.conf")


def _pip_file(path: str) -> Values:
    text = _text(path)
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        raise DoctorError(f"pip's configuration {path} cannot be parsed: {str(error).splitlines()[0][:200]}")
    found: Values = {}
    for section in ("global", "install"):  # the command's own section goes first
        if parser.has_section(section):
            found |= {name.replace("_", "-").lstrip("-"): value or "" for name, value in parser.items(section)}
    return found


def _uv_variables(environ: Mapping[str, str]) -> Values:
    """https://docs.astral.sh/uv/reference/environment/"""
    extra = f"{environ.get('UV_INDEX', '')} {environ.get('UV_EXTRA_INDEX_URL', '')}".split()
    return {
        "index-url": _signed(environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL", ""), environ),
        "extra-index-url": " ".join(_signed(item, environ) for item in extra),
        "find-links": environ.get("UV_FIND_LINKS", "").replace(",", " "),
        "trusted-host": environ.get("UV_INSECURE_HOST", ""),
        "timeout": environ.get("UV_HTTP_TIMEOUT", ""),
    }


def _signed(item: str, environ: Mapping[str, str], name: str = "") -> str:
    """``name=URL`` or a URL, with the user and password that variables give for that name."""
    before, equals, after = item.partition("=")
    name, url = (before, after) if equals and "://" not in before else (name, item)
    key = "".join(letter if letter.isalnum() else "_" for letter in name.upper())
    user, word = environ.get(f"UV_INDEX_{key}_USERNAME", ""), environ.get(f"UV_INDEX_{key}_PASSWORD", "")
    parts = urlsplit(url)
    if not name or not (user or word) or "@" in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(word, safe='')}@{parts.netloc}"))


def _uv_files(environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("HOME", "")
    if environ.get("UV_NO_CONFIG"):
        return
    if environ.get("UV_CONFIG_FILE"):
        yield environ["UV_CONFIG_FILE"]
    if home:
        yield os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "uv", "uv.toml")
    yield "/etc/uv/uv.toml"


def _project_files(directory: str) -> list[str]:
    if not directory:
        return []
    own = os.path.join(directory, "uv.toml")  # where there is one, [tool.uv] does not count
    return [own if os.path.isfile(own) else os.path.join(directory, "pyproject.toml")]


def _whole(table: dict[str, Any], path: str) -> Any:
    return table


def _project_table(table: dict[str, Any], path: str) -> Any:
    tool = table.get("tool")
    return table if path.endswith("uv.toml") else tool.get("uv", {}) if isinstance(tool, dict) else {}


def _uv_file(path: str, environ: Mapping[str, str], part: Any) -> Values:
    try:
        table = part(tomllib.loads(_text(path)), path)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DoctorError(f"{path} cannot be parsed: {str(error)[:200]}")
    if not isinstance(table, dict):
        return {}
    pip = table.get("pip")
    table = (pip if isinstance(pip, dict) else {}) | table
    main, extra = str(table.get("index-url", "")), _texts(table.get("extra-index-url"))
    given = table.get("index", [])
    for item in given if isinstance(given, list) else []:
        if isinstance(item, dict) and isinstance(item.get("url"), str) and item.get("explicit") is not True:
            url = _signed(item["url"], environ, str(item.get("name", "")))
            if item.get("default") is True:
                main = url
            else:
                extra.append(url)
    return {
        "index-url": main,
        "extra-index-url": " ".join(extra),
        "find-links": " ".join(_texts(table.get("find-links"))),
    }


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _text(path: str) -> str:
    """Empty where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
