from __future__ import annotations

from bicorn.config.dialects import GUNICORN_BY_NAME, OLD_NAMES, UVICORN_BY_NAME


def test_each_name_leads_to_its_row() -> None:
    assert OLD_NAMES.keys() == GUNICORN_BY_NAME.keys() | UVICORN_BY_NAME.keys()
    assert all(row.name == name for name, row in OLD_NAMES.items())


def test_where_both_have_a_name_they_agree_on_what_becomes_of_it() -> None:
    both = GUNICORN_BY_NAME.keys() & UVICORN_BY_NAME.keys()
    assert "workers" in both
    assert {name for name in both if GUNICORN_BY_NAME[name].to != UVICORN_BY_NAME[name].to} == set()
