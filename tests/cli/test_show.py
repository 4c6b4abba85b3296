from __future__ import annotations

import tomllib

from bicorn.cli.show import settings, toml
from bicorn.config.settings import OPTIONS, Config


def lines(config: Config, file: str = "") -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in settings(config, file).splitlines())


def test_every_setting_with_its_origin() -> None:
    found = lines(Config(workers=2, origins={"workers": "-w"}), "bicorn.toml")
    assert found.pop("#") == "file: bicorn.toml"
    assert list(found) == list(OPTIONS)
    assert found["workers"].split() == ["=", "2", "#", "-w"]
    assert found["threads"].endswith("# default")
    assert found["app"].startswith("= (not set)")
    assert settings(Config(), "").startswith("# file: none\n")


def test_secrets_are_not_shown() -> None:
    text = settings(Config(keyfile_password="hunter2", certfile=("a",), raw_env=("TOKEN=hunter2",)), "")
    assert "hunter2" not in text
    assert 'raw_env                       = ["TOKEN=***"]' in text
    assert lines(Config())["keyfile_password"].startswith("= (not set)")


def test_functions_have_names_and_auto_is_a_word() -> None:
    def hook(server: object, worker: object) -> None: ...

    found = lines(Config(workers=0, post_fork=hook))
    assert found["workers"].startswith('= "auto"')
    assert found["post_fork"].startswith("= hook()")


def test_permissions_are_octal() -> None:
    assert lines(Config(umask=0o22))["umask"].startswith("= 0o22 ")
    assert lines(Config(unix_mode=0o660, bind=("unix:a",)))["unix_mode"].startswith("= 0o660 ")


def test_values_are_toml() -> None:
    for value in (1, True, 2.5, "a", 'a"b\\c', "a\\b", ["a", "b"]):
        shown = toml(tuple(value) if isinstance(value, list) else value)
        assert tomllib.loads(f"a = {shown}") == {"a": value}
    assert toml((("A", "b"),)) == '["A: b"]'
    assert toml(30.0) == "30"
