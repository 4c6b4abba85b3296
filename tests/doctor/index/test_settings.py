from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.doctor.index import settings
from bicorn.errors import DoctorError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and no files of this machine."""
    monkeypatch.setattr(settings.sys, "prefix", str(tmp_path / "nowhere"))
    system = (Path("/etc/pip.conf"), Path("/etc/uv/uv.toml"))
    read = settings._text
    monkeypatch.setattr(settings, "_text", lambda path: "" if Path(path) in system else read(path))
    return tmp_path


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_CONFIG_DIRS": str(home / "xdg"), **more}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_anything_it_is_pypi(home: Path) -> None:
    assert settings.read(environ(home)).index_urls == (settings.PYPI,)


def test_who_wins(home: Path) -> None:
    write(
        home / "xdg/pip/pip.conf",
        "[global]\nindex-url = https://system.example/simple\ncert = /system.pem\ntimeout = 5\n",
    )
    write(
        home / "config/pip/pip.conf",
        "[global]\nindex_url = https://user.example/simple/\n[install]\nextra-index-url =\n  https://one.example\n  https://two.example\n",
    )
    write(
        home / "config/uv/uv.toml",
        'index-url = "https://uv.example"\n[[index]]\nname = "b"\nurl = "https://three.example"\n',
    )
    found = settings.read(environ(home))
    assert found.index_urls == (
        "https://user.example/simple",
        "https://one.example",
        "https://two.example",
        "https://three.example",
    )
    assert (found.cert, found.timeout) == ("/system.pem", 5.0)
    assert settings.read(environ(home, UV_DEFAULT_INDEX="https://v.example")).index_urls[0] == "https://v.example"
    both = environ(home, UV_DEFAULT_INDEX="https://v.example", PIP_INDEX_URL="https://p.example")
    assert settings.read(both).index_urls[0] == "https://p.example"
    assert settings.read(both, index_url="https://c.example").index_urls == ("https://c.example",)
    given = [("index-url", "https://f.example"), ("extra-index-url", "https://g.example")]
    assert settings.read(both, options=given).index_urls[:2] == ("https://f.example", "https://g.example")


def test_the_projects_uv(home: Path) -> None:
    write(
        home / "p/pyproject.toml",
        """[[tool.uv.index]]
name = "our-own"
url = "https://own.example/simple"
default = true
[[tool.uv.index]]
name = "x"
url = "https://x.example"
explicit = true""",
    )
    given = environ(home, UV_INDEX_OUR_OWN_USERNAME="me", UV_INDEX_OUR_OWN_PASSWORD="p@ss")
    assert settings.read(given, directory=str(home / "p")).index_urls == ("https://me:p%40ss@own.example/simple",)


def test_certificates_and_proxies(home: Path) -> None:
    found = settings.read(environ(home, SSL_CERT_FILE="/s.pem", HTTPS_PROXY="proxy:3128", no_proxy="localhost"))
    assert (found.cert, found.proxies) == ("/s.pem", {"https": "http://proxy:3128", "no": "localhost"})
    found = settings.read(environ(home, PIP_CERT="/p.pem", SSL_CERT_FILE="/s.pem", PIP_PROXY="http://pip:1"))
    assert (found.cert, found.proxies["https"]) == ("/p.pem", "http://pip:1")
    assert "http" not in settings.read(environ(home, HTTP_PROXY="http://evil", REQUEST_METHOD="GET")).proxies


def test_no_index_and_what_is_not_followed(home: Path) -> None:
    found = settings.read(
        environ(home, PIP_NO_INDEX="1", PIP_FIND_LINKS="/a /b", PIP_NO_BINARY=":all:", PIP_CONSTRAINT="c.txt")
    )
    assert (found.index_urls, found.find_links, found.constraints) == ((), ("/a", "/b"), ("c.txt",))
    assert "no-binary" in found.notes[0]


def test_pips_files_can_be_turned_off(home: Path) -> None:
    write(home / "config/pip/pip.conf", "[global]\nindex-url = https://user.example\n")
    assert settings.read(environ(home, PIP_CONFIG_FILE="/dev/null")).index_urls == (settings.PYPI,)


@pytest.mark.parametrize("url", ["nonsense", "ftp://x/simple", "https://", "https://x:port/", "javascript:x"])
def test_what_is_no_index(home: Path, url: str) -> None:
    with pytest.raises(DoctorError, match="is no index"):
        settings.read(environ(home), index_url=url)


@pytest.mark.parametrize(("name", "text"), [("config/pip/pip.conf", "index-url\n"), ("config/uv/uv.toml", "index = [")])
def test_a_configuration_that_cannot_be_parsed(home: Path, name: str, text: str) -> None:
    write(home / name, text)
    with pytest.raises(DoctorError, match="cannot be parsed"):
        settings.read(environ(home))
