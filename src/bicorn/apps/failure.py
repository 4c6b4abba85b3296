"""An application's exception as text for its author: the traceback without the frames that are not theirs.

Rules:

1. Frames of the import system and of Bicorn never show: they are in every traceback and explain none.
2. Library frames before the first frame of the user's own code are dropped: they only say who called it.
3. Later runs of library frames keep the first and the last: where the user's code went in, and where it failed.
4. Chained exceptions and the members of groups are trimmed alike; a SyntaxError keeps its pointer.
"""

from __future__ import annotations

import os
import site
import traceback
from functools import cache
from typing import Any

from bicorn.errors import AppBootError

_BICORN = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_SKIPPED = "<skipped>"
_SHOWN_ANYWAY = 3
"""A run of library frames up to this long is shown whole."""


def explained(error: BaseException) -> str:
    """What a layer above knows of ``error`` (``AppBootError.explain``); empty where it knows nothing. Never fails."""
    if AppBootError.explain is None:
        return ""
    try:
        return AppBootError.explain(error)
    except Exception:  # the failure that is to be told is the user's
        return ""


def user_traceback(error: BaseException) -> str:
    """``error`` with its chain, formatted as Python does, trimmed to the frames that help its author."""
    report = traceback.TracebackException.from_exception(error)
    _trim_chain(report, set())
    return "".join(report.format()).rstrip("\n")


def user_stack(stack: traceback.StackSummary) -> str:
    """The stack ``stack``, formatted and trimmed like a traceback."""
    return "".join(_trim(stack).format()).rstrip("\n")


def headline(error: BaseException) -> str:
    """``error`` in one line."""
    if isinstance(error, SystemExit):
        return f"{place_of(error)} called sys.exit({error.code!r}), and an application that is served must not exit"
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({short_path(error.filename or '?')} line {error.lineno})"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of ``error``'s traceback that are neither the import system's nor Bicorn's."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]


def is_raised_by_bicorn(error: BaseException) -> bool:
    """Whether the frame that raised ``error`` is one of Bicorn's."""
    stack = traceback.extract_tb(error.__traceback__)
    return bool(stack) and os.path.abspath(stack[-1].filename).startswith(_BICORN)


def place_of(error: BaseException) -> str:
    """Where in the user's code ``error`` came from: ``"main.py line 3"``, or ``""`` when no frame is left."""
    frames = user_frames(error)
    own = [frame for frame in frames if not is_library(frame.filename)] or frames
    return f"{short_path(own[-1].filename)} line {own[-1].lineno}" if own else ""


def short_path(filename: str) -> str:
    """``filename`` as seen from the working directory when it is inside it."""
    relative = os.path.relpath(filename)
    return filename if relative.startswith(os.pardir) else relative


def is_library(filename: str) -> bool:
    """Whether ``filename`` is the standard library's or an installed package's, and not the user's own code."""
    return filename.startswith(("<frozen ", *_library_folders()))


@cache
def _library_folders() -> tuple[str, ...]:
    import sysconfig  # here, for only failures need it

    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {*site.getsitepackages()}
    folders.add(site.getusersitepackages())
    # Resolved too: a virtual environment is often reached through a symbolic link.
    return tuple({os.path.join(form, "") for folder in folders for form in (folder, os.path.realpath(folder))})


def _is_ours(filename: str) -> bool:
    return ("importlib" in filename and is_library(filename)) or os.path.abspath(filename).startswith(_BICORN)


def _trim_chain(report: traceback.TracebackException, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    report.stack = _trim(report.stack)
    for linked in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if linked is not None:
            _trim_chain(linked, seen)


def _trim(stack: traceback.StackSummary) -> traceback.StackSummary:
    frames = [frame for frame in stack if not _is_ours(frame.filename)]
    foreign = [is_library(frame.filename) for frame in frames]
    if all(foreign):
        return _Stack(frames)  # nothing here is the user's: the libraries are all there is to show
    kept: list[traceback.FrameSummary] = []
    run: list[traceback.FrameSummary] = []
    for frame, is_foreign in zip(frames, foreign, strict=True):
        if is_foreign:
            run.append(frame)
            continue
        if kept:
            kept += _shorten(run)
        run = []
        kept.append(frame)
    return _Stack(kept + _shorten(run))


def _shorten(run: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    if len(run) <= _SHOWN_ANYWAY:
        return run
    skipped = traceback.FrameSummary(_SKIPPED, len(run) - 2, _SKIPPED, lookup_line=False, line="")
    return [run[0], skipped, run[-1]]


class _Stack(traceback.StackSummary):
    """A stack in which one marker stands for the library frames left out."""

    def format_frame_summary(self, frame_summary: traceback.FrameSummary, **options: Any) -> str:
        if frame_summary.filename == _SKIPPED:
            return f"  [{frame_summary.lineno} frames of libraries are not shown]\n"
        return super().format_frame_summary(frame_summary, **options)
