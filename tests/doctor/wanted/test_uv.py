from __future__ import annotations

from pathlib import Path

from bicorn.doctor.wanted.read import read

LOCK = """version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "click" }, { name = "server", extra = ["fast"] }]
[package.optional-dependencies]
db = [{ name = "driver" }]
[package.dev-dependencies]
dev = [{ name = "tester" }]
[[package]]
name = "click"
version = "8"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "colorama", marker = "sys_platform == 'win32'" }]
[[package]]
name = "colorama"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "server"
version = "2"
source = { registry = "https://pypi.org/simple" }
[package.optional-dependencies]
fast = [
  { name = "loop", version = "1", marker = "python_full_version < '3.14'" },
  { name = "loop", version = "2", marker = "python_full_version >= '3.14'" },
]
[[package]]
name = "loop"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "loop"
version = "2"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "driver"
version = "3"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "tester"
version = "4"
source = { registry = "https://pypi.org/simple" }
"""


def test_what_the_project_leads_to(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    found = read([], environ={}, directory=str(tmp_path))
    assert [str(pin) for pin in found.pins] == [
        "click==8",
        'colorama==1; sys_platform == "win32"',
        "server==2",
        'loop==1; python_full_version < "3.14"',
        'loop==2; python_full_version >= "3.14"',
    ]
    assert found.requires_python == ">=3.11"
    more = read([], environ={}, directory=str(tmp_path), extras=["db"], groups=["dev"])
    assert {pin.name for pin in more.pins} - {pin.name for pin in found.pins} == {"driver", "tester"}
