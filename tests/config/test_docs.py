from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.config.docs import END, START, pages, refreshed, write
from bicorn.config.gunicorn_names import GUNICORN
from bicorn.config.settings import OPTIONS
from bicorn.config.uvicorn_names import UVICORN

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize("name", pages())
def test_the_committed_page_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == refreshed(text, pages()[name]), "run: python -m bicorn.config.docs docs"


def test_every_name_is_there() -> None:
    made = pages()
    assert all(f"| `{name}` |" in made["settings.md"] for name in OPTIONS)
    assert all(f"| `{row.name}` |" in made["moving-from-gunicorn.md"] for row in GUNICORN)
    assert all(f"| `{row.name}` |" in made["moving-from-uvicorn.md"] for row in UVICORN)


def test_only_what_is_between_the_marks_is_made() -> None:
    assert refreshed(f"before\n{START}\nold\n{END}\nafter\n", "new") == f"before\n{START}\n\nnew\n\n{END}\nafter\n"


def test_writing(tmp_path: Path) -> None:
    for name in pages():
        (tmp_path / name).write_text(f"# Title\n{START}\n{END}\n")
    write(tmp_path)
    assert all(
        (tmp_path / name).read_text() == f"# Title\n{START}\n\n{made}\n\n{END}\n" for name, made in pages().items()
    )
