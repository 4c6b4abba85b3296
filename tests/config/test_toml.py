from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.config.toml import read
from bicorn.errors import ConfigError


def write(folder: Path, text: str, name: str = "bicorn.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_keys_are_settings(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'workers = 2\nlog-level = "debug"\nkeepalive = 5\nhost = "::1"\nbind = ["a:1"]\n[headers]\nA = "b"'
    )
    found = {item.name: item.value for item in read(path, "bicorn.toml")}
    assert found == {
        "workers": 2,
        "log_level": "debug",
        "keepalive": 5,
        "host": "::1",
        "bind": ["a:1"],
        "headers": {"A": "b"},
    }
    first = read(path, "bicorn.toml")[0]
    assert (first.origin, first.called) == ("bicorn.toml", "bicorn.toml: workers")


def test_pyproject_has_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, "[tool.other]\nworkers = 1\n[tool.bicorn]\nworkers = 2", "pyproject.toml")
    assert [(item.name, item.value) for item in read(path, "pyproject.toml")] == [("workers", 2)]
    assert read(write(tmp_path, "[project]", "pyproject.toml"), "pyproject.toml") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker = 2", "bicorn.toml: there is no setting 'worker'; did you mean 'workers'?"),
        ("[tls]\na = 1", "bicorn.toml: there is no setting 'tls'"),
        ('config = "a"', "bicorn.toml: there is no setting 'config'"),
        ("statsd_prefix = 'a'", "bicorn.toml: there is no setting 'statsd_prefix'"),
        ("workers = ", "bicorn.toml is not TOML: "),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(write(tmp_path, text), "bicorn.toml")
    assert str(error.value).startswith(message)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^x.toml cannot be read: No such file"):
        read(str(tmp_path / "x.toml"), "x.toml")
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match=r"^x.toml is not TOML"):
        read(str(tmp_path / "x.toml"), "x.toml")
