from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.cure.edits import hashes_of, of_files, of_project, without_hashes
from bicorn.doctor.cure.pins import Change
from bicorn.doctor.facts import Pick, Stated, Wanted
from tests.doctor.shelf import pick, wheel

A, B, OLD = "a" * 64, "b" * 64, "0" * 64
CHANGE = Change("py-core", Version("1.0"), Version("2.0"), "the first")


def new(name: str, *digests: str) -> Pick:
    files = [wheel(name, "2.0", f"cp3{at}-cp3{at}-any").replace(hashes={"sha256": d}) for at, d in enumerate(digests)]
    return pick(name, "2.0", None).replace(files=tuple(files))


def edited(folder: Path, content: str, *rows: Stated, picks: tuple[Pick, ...] = (), name: str = "r.txt") -> str:
    """What the commands make of a file, typed there."""
    if sys.platform == "win32" or not shutil.which("sed"):
        pytest.skip("needs sed")
    (folder / name).write_text(content)
    wanted = Wanted((Requirement("py-core==1.0"),), stated=rows)
    commands = of_project(name, [CHANGE]) if name.endswith(".toml") else of_files(wanted, [name], [CHANGE], picks)
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, check=True)
    return (folder / name).read_text()


def test_a_pin_with_hashes_gets_those_of_its_new_version(tmp_path: Path) -> None:
    content = f"""a==1 \\
    --hash=sha256:{OLD}
Py_Core[x] == 1.0 ; python_version > '3' \\
    --hash=sha256:{OLD} \\
    --hash=sha256:{OLD}
    # via a
py-core-more==1.0 --hash=sha256:{OLD}
"""
    rows = [Stated(name, "r.txt", True) for name in ("a", "py-core", "py-core-more")]
    found = edited(tmp_path, content, *rows, picks=(new("py-core", B, A),))
    assert "".join(found.replace("\\\n", " ").split()) == "".join(
        f"""a==1 --hash=sha256:{OLD}
Py_Core[x]==2.0 ; python_version > '3' --hash=sha256:{A} --hash=sha256:{B}
    # via a
py-core-more==1.0 --hash=sha256:{OLD}
""".split()
    )
    assert f"--hash=sha256:{B}\n    # via a\npy-core-more" in found


def test_a_comment_stays_behind_the_hashes(tmp_path: Path) -> None:
    found = edited(
        tmp_path,
        f"py-core==1.0 --hash=sha256:{OLD}  # why\nb==1 --hash=sha256:{OLD}\n",
        Stated("py-core", "r.txt", True),
        Stated("b", "r.txt", True),
        picks=(new("py-core", A),),
    )
    assert f"--hash=sha256:{A}  # why\nb==1 --hash=sha256:{OLD}\n" in found
    assert found.count(OLD) == 1


def test_what_comes_in_anew_needs_hashes_too(tmp_path: Path) -> None:
    picks = (new("py-core", A), new("more", B))
    found = edited(tmp_path, f"py-core==1.0 --hash=sha256:{OLD}", Stated("py-core", "r.txt", True), picks=picks)
    assert found.endswith(f"\nmore==2.0 --hash=sha256:{B}\n")


def test_without_hashes_nothing_is_added(tmp_path: Path) -> None:
    picks = (new("py-core", A), new("more", B))
    assert edited(tmp_path, "py-core==1.0\nc\n", Stated("py-core", "r.txt"), picks=picks) == "py-core==2.0\nc\n"


def test_the_file_that_states_it_is_edited() -> None:
    rows = (Stated("c", "r.txt"), Stated("py-core", "sub/base.txt"), Stated("py-core", "limits.txt"))
    found = of_files(Wanted((), stated=rows), ["r.txt"], [CHANGE], ())
    assert [command.rsplit(" ", 1)[1] for command in found] == ["sub/base.txt", "limits.txt"]


def test_what_no_file_states_is_added() -> None:
    found = of_files(Wanted((), stated=(Stated("c", "r.txt"),)), ["r.txt"], [CHANGE], ())
    assert found == (r"printf '\n%s\n' py-core==2.0 >> r.txt",)


def test_a_hash_that_is_none_is_not_part_of_a_command() -> None:
    evil = new("py-core", "$(x)/e;" + A)
    assert hashes_of(evil) == ()
    wanted = Wanted((Requirement("a==2.0"),), stated=(Stated("py-core", "r.txt", True),))
    assert without_hashes(wanted, [evil, new("a"), new("b", A)]) == ("py-core 2.0",)
    assert without_hashes(Wanted(()), [evil]) == ()
    assert "--hash=sha256" not in of_files(wanted, ["r.txt"], [CHANGE], (evil,))[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('dependencies = ["py.core[x]>=1,<2; os_name == \'posix\'", "b"]', "\"py.core[x]==2.0; os_name == 'posix'\""),
        ("  'PY-core ~= 1.0',", "'PY-core==2.0'"),
        ('py-core = "^1.0"', '"2.0"'),
        ('py-core = {extras = ["y"], version = ">=1"}', '["y"], version = "2.0"}'),
        ('more = "py-core-more==1.0"', "py-core-more==1.0"),
    ],
)
def test_a_projects_file(tmp_path: Path, line: str, expected: str) -> None:
    assert expected in edited(tmp_path, line + "\n", name="pyproject.toml")
