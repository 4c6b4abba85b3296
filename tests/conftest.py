"""What every test gets: async tests, fixed hypothesis runs in CI, loggers and import hooks left as they were found."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import bicorn

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# In debug mode asyncio notes with each callback where it comes from, looking up every line: the nearest ones will do.
asyncio.constants.DEBUG_STACK_DEPTH = 3

LOGGERS = ("bicorn", "bicorn.error", "bicorn.access")


def pytest_report_header() -> str:
    """Which of the two readings is tested."""
    return f"bicorn: {'compiled' if bicorn.__compiled__ else 'interpreted'}, from {Path(bicorn.__file__).parent}"


def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of every later collection of garbage; some tests ask for one."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests, each on a loop of its own, in debug mode."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments), debug=True)
    return True


@pytest.fixture(autouse=True)
def loggers_restored() -> Iterator[None]:
    """Put Bicorn's loggers back as they were, whatever a test configured."""
    before: dict[str, dict[str, Any]] = {}
    for name in LOGGERS:
        logger = logging.getLogger(name)
        before[name] = {"handlers": list(logger.handlers), "propagate": logger.propagate, "disabled": False}
        before[name]["class"] = logger.__class__
        before[name]["level"] = logger.level
    yield
    for name, state in before.items():
        logger = logging.getLogger(name)
        for handler in logger.handlers:
            if handler not in state["handlers"]:
                getattr(handler, "dismiss", handler.close)()
        logger.__class__ = state["class"]
        logger.handlers, logger.propagate, logger.disabled = state["handlers"], state["propagate"], state["disabled"]
        logger.setLevel(state["level"])
