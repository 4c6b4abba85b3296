"""Where an application is at work: the stacks of a task and of a thread, for the log."""

from __future__ import annotations

import sys
import traceback
from types import FrameType
from typing import Any

from bicorn.apps.failure import user_stack
from bicorn.apps.reserve import call_behind

# What a coroutine, a generator-based one and an asynchronous generator call what they wait for, and where they are.
_INSIDE = (("cr_await", "cr_frame"), ("gi_yieldfrom", "gi_frame"), ("ag_await", "ag_frame"))
_DEEPEST = 200


def task_stack(task: Any) -> str:
    """Where a task waits, down to the innermost coroutine: ``Task.get_stack()`` shows the outermost one alone."""
    frames: list[tuple[FrameType, int]] = []
    inside = task.get_coro()
    while inside is not None and len(frames) < _DEEPEST:
        for awaited, frame_name in _INSIDE:
            if hasattr(inside, frame_name):
                frame = getattr(inside, frame_name)
                if frame is not None:
                    frames.append((frame, frame.f_lineno))
                inside = call_behind(inside) or getattr(inside, awaited)
                break
        else:
            inside = None  # a future, or something of another library's
    return _format(traceback.StackSummary.extract(iter(frames)))


def thread_stack(thread: int) -> str:
    """Where the thread with this ``threading.get_ident()`` is."""
    frame = sys._current_frames().get(thread)
    return "" if frame is None else _format(traceback.extract_stack(frame))


def _format(stack: traceback.StackSummary) -> str:
    return user_stack(stack) or "(no frame of Python's)"
