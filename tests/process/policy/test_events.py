from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from bicorn.process.policy import asks, boot, death, events, fleet, health, plan, roll, states, templates, times, words

IMPURE = {"asyncio", "logging", "os", "select", "signal", "socket", "ssl", "subprocess", "sys", "threading", "time"}


@pytest.mark.parametrize("kind", [*get_args(events.Event), *get_args(events.Action)])
def test_events_and_actions_are_plain_immutable_data(kind: type) -> None:
    values = range(len(kind._fields))  # type: ignore[attr-defined]
    made = kind(*values)
    assert made == kind(*values)
    for name in kind._fields:  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            setattr(made, name, 1)


PURE = [asks, boot, death, events, fleet, health, plan, roll, states, templates, times, words]


@pytest.mark.parametrize("module", PURE)
def test_the_policy_and_all_it_uses_is_pure(module: object) -> None:
    path = getattr(module, "__file__", "")
    for node in ast.walk(ast.parse(Path(path).read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert not IMPURE & {name.partition(".")[0] for name in names}
