"""Which environment it is."""

from __future__ import annotations

import sys
from pathlib import Path

from bicorn.doctor.health import check
from bicorn.doctor.health.place import at, extensions, here

from .environment import distribution, place


def test_the_running_one() -> None:
    found = here()
    assert found.running
    assert found.minor == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert all(Path(folder).is_dir() for folder in found.folders)


def test_one_in_a_folder(tmp_path: Path) -> None:
    assert at(str(tmp_path)) is None
    (tmp_path / "pyvenv.cfg").write_text("")
    (tmp_path / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
    found = at(str(tmp_path))
    assert found is not None
    assert (found.minor, found.running, found.free_threaded) == ("3.12", False, False)
    assert found.folders == (str(tmp_path / "lib" / "python3.12" / "site-packages"),)


def test_its_compiled_modules(tmp_path: Path) -> None:
    where = place(tmp_path)
    folder = Path(where.folders[0])
    (folder / "a").mkdir()
    (folder / "a" / "_x.abi3.so").write_text("")
    (folder / "a" / "b.py").write_text("")
    assert list(extensions(where)) == [str(folder / "a" / "_x.abi3.so")]


def test_the_worst_comes_first(tmp_path: Path) -> None:
    distribution(tmp_path, "a", "1.0", "a.py", requires=("missing",))
    Path(place(tmp_path).folders[0], "a.py").unlink()
    assert [found.severity for found in check(place(tmp_path), {})] == ["error", "warning"]
