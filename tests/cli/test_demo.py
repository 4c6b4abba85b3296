from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bicorn.cli.demo import invitation
from bicorn.config.settings import Config
from bicorn.demo import APP, MOUNTS

Bicorn = Callable[[str], Any]


def test_it_serves_the_built_in_applications(bicorn: Bicorn) -> None:
    outcome = bicorn("demo --port 9000 -w 2")
    [config] = outcome.served
    assert (outcome.code, config.app, config.mounts, config.workers) == (7, APP, MOUNTS, 2)
    assert config.origin("app") == "bicorn demo"
    assert outcome.err.startswith("bicorn: open http://127.0.0.1:9000 in a browser: ")


def test_a_file_about_another_application_does_no_harm(bicorn: Bicorn, folder: Path) -> None:
    (folder / "bicorn.toml").write_text(
        "app = 'a:b'\nfactory = true\ninterface = 'wsgi'\nmounts = ['/x=y']\nworkers = 3"
    )
    [config] = bicorn("demo --interface wsgi").served
    assert (config.app, config.mounts, config.factory, config.interface) == (APP, MOUNTS, False, "auto")
    assert config.workers == 3


def test_it_brings_its_own(bicorn: Bicorn) -> None:
    outcome = bicorn("demo main:app")
    assert outcome.code == 2
    assert outcome.err.endswith("for yours it is: bicorn main:app\n")


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8000 in"),
        ({"bind": ("0.0.0.0:80",)}, "http://127.0.0.1:80 in"),
        ({"bind": ("[::]:80",)}, "http://[::1]:80 in"),
        ({"bind": ("unix:a", "b:1"), "certfile": ("c",)}, "https://b:1 in"),
        ({"bind": ("127.0.0.1:0",)}, "the address below in"),
        ({"bind": ("unix:a",)}, "the address below in"),
    ],
)
def test_what_to_open(settings: dict[str, Any], address: str) -> None:
    assert invitation(Config(**settings)).startswith(f"open {address} a browser")
