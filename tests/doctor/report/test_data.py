"""JSON."""

from __future__ import annotations

import json

from bicorn.doctor.facts import Examination
from bicorn.doctor.report import render

from .sample import SICK, examination


def test_all_of_it_is_there() -> None:
    tree = json.loads(render(examination(), "json"))
    assert (tree["version"], tree["ok"], tree["source"], tree["seconds"]) == (1, False, "requirements.txt", 1.25)
    assert [target["ok"] for target in tree["targets"]] == [True, False]
    core = tree["dependencies"][2]
    assert (core["name"], core["version"], core["target"]) == ("pydantic-core", "2.23.4", "3.14")
    assert (core["verdict"], core["installs"], core["wanted_by"]) == ("fails", False, ["pydantic"])
    assert tree["cures"][1]["changes"] == [
        {"name": "pydantic", "from": "2.9.2", "to": "2.12.0", "why": "the first with a wheel"}
    ]


def test_ailments() -> None:
    tree = json.loads(render(Examination(None, ailments=(SICK,)), "json"))
    assert tree["ok"]
    assert tree["ailments"][0]["commands"] == ["apt install libpq5"]
    assert tree["ailments"][0]["severity"] == "warning"
