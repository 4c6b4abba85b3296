from __future__ import annotations

from pathlib import Path

from bicorn.doctor.facts import Wanted
from bicorn.doctor.wanted.read import read


def given(folder: Path, **files: str) -> Wanted:
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content)
    return read(["main.txt"], environ={"TOKEN": "s3cret"}, directory=str(folder))


def test_everything_a_line_may_be(tmp_path: Path) -> None:
    found = given(
        tmp_path,
        main="""# a comment
-r base.txt
--constraint=limits.txt
--index-url https://me:${TOKEN}@index.example/simple
--extra-index-url=https://more.example
web[fast, small]>=1,<2 ; python_version >= "3.9"  # why
pinned==1.0 \\
    --hash=sha256:0000 \\
    --hash=sha256:1111
direct @ https://files.example/direct-1.0.tar.gz
https://files.example/other-2.0-py3-none-any.whl
git+https://git.example/x.git#egg=x
--no-binary :all:
-e git+https://git.example/y.git
--nonsense
not a requirement
""",
        base="base>1\n-r main.txt\n",
        limits="base<5\n",
    )
    assert [str(item).replace(" @", "@") for item in found.requirements] == [
        "base>1",
        'web[fast,small]<2,>=1; python_version >= "3.9"',
        "pinned==1.0",
        "direct@ https://files.example/direct-1.0.tar.gz",
        "other@ https://files.example/other-2.0-py3-none-any.whl",
    ]
    assert [str(item) for item in found.constraints] == ["base<5"]
    assert found.options == (
        ("index-url", "https://me:s3cret@index.example/simple"),
        ("extra-index-url", "https://more.example"),
    )
    assert len(found.notes) == 5


def test_a_folder_is_read_for_its_extras(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/pyproject.toml").write_text(
        '[project]\nname = "lib"\ndependencies = ["a"]\n[project.optional-dependencies]\nx = ["b"]'
    )
    (tmp_path / "old").mkdir()
    (tmp_path / "old/setup.py").write_text("raise SystemExit('run!')")
    found = given(tmp_path, main="-e ./lib[x]\n./old\n./gone\n")
    assert [str(item) for item in found.requirements] == ["a", "b"]
    assert "it is not run" in found.notes[0]
    assert "no such file" in found.notes[1]


def test_other_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "latin-1"):
        (tmp_path / "r.txt").write_bytes("a==1 # é\n".encode(encoding))
        assert [str(item) for item in read(["r.txt"], environ={}, directory=str(tmp_path)).requirements] == ["a==1"]


def test_where_a_line_is_and_whether_it_has_hashes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.txt").write_text("A_b[x]==1 \\\n  --hash=sha256:00\n./folder\n")
    found = given(tmp_path, main="-r sub/base.txt\n-c limits.txt\nc>=1\n", limits="d<2\n")
    assert [(row.name, row.file, row.hashed) for row in found.stated] == [
        ("a-b", "sub/base.txt", True),
        ("d", "limits.txt", False),
        ("c", "main.txt", False),
    ]
