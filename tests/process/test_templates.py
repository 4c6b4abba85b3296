"""Templates as far as the supervisor's side goes; a real one is in test_template.py, servers in tests/integration."""

from __future__ import annotations

import errno
import logging
import os
import signal

import pytest

from bicorn.config.settings import Config
from bicorn.process import status, template, templates
from bicorn.process.policy.events import (
    BootFailed,
    Died,
    Forked,
    ForkFailed,
    Ready,
    Stopping,
    TemplateDied,
    TemplateFailed,
    TemplateReady,
)
from bicorn.process.reread import Edition
from bicorn.process.staff import UNKNOWN
from bicorn.process.template import Template
from tests.process.shops import KILLED, Shop

# -- With the application


def test_a_template_forks_workers_and_says_how_they_end(preloading: Shop) -> None:
    shop = preloading
    assert shop.staff.spawn(1, 1, True) == [ForkFailed(1, "the process that workers are forked from has gone")]
    assert shop.staff.templates.prepare(1, 0.0) == []
    assert shop.say("imported", "main:app") == [TemplateReady(1, "main:app")]
    assert shop.staff.spawn(1, 1, True) == []
    assert shop.staff.spawn(2, 1, False) == []
    assert [shop.ordered(), shop.ordered()] == [["fork", "1", "alone", "0"], ["fork", "2", "", "0"]]
    assert shop.say("forked", "1", "901") == [Forked(1, 901)]
    assert shop.say("unforked", "2", "no memory") == [ForkFailed(2, "no memory")]
    os.write(shop.tells[1], status.failed(3, "no database"))
    assert shop.heard() == [BootFailed(1, 3, "no database")]
    assert shop.say("gone", "901", str(3 << 8)) == [Died(1, 3, pid=901)]


def test_a_template_that_cannot_import_the_application(preloading: Shop) -> None:
    shop = preloading
    shop.staff.templates.prepare(1, 0.0)
    assert shop.say("failed", "4", "there is no module") == [TemplateFailed(1, 4, "there is no module")]
    assert shop.end(50, 4 << 8) == []


def test_a_template_that_dies_while_it_imports(preloading: Shop) -> None:
    preloading.staff.templates.prepare(1, 0.0)
    [failed] = preloading.end(50, signal.SIGSEGV)
    assert (failed.code, failed.message) == (
        3,
        "the process that imports the application crashed with SIGSEGV, in native code while it was at it",
    )


def test_the_workers_of_a_template_that_has_gone_live_on_and_their_end_is_noticed(preloading: Shop) -> None:
    shop = preloading
    shop.staff.templates.prepare(1, 0.0)
    shop.say("imported", "main:app")
    for number in (1, 2, 3):
        shop.staff.spawn(number, 1, True)
        shop.ordered()
    shop.say("forked", "1", "901")
    shop.say("forked", "2", "902")
    events = shop.end(50, KILLED)
    assert [type(event) for event in events] == [TemplateDied, ForkFailed]
    assert set(shop.staff._workers) == {901, 902}
    os.write(shop.tells[1], status.stopping(None))
    os.close(shop.tells.pop(1))
    assert shop.heard() == [Stopping(1, None), Died(1, 0, pid=901)]
    os.close(shop.tells.pop(2))
    assert shop.heard() == [Died(2, UNKNOWN, pid=902)]


def test_a_template_that_is_not_wanted_any_more(preloading: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, killed = preloading, []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    shop.staff.templates.prepare(1, 0.0)
    shop.staff.templates.discard(1, 0.0)
    assert killed == [(50, KILLED)]  # it has no workers yet
    assert shop.end(50, KILLED) == []
    shop.far.close()  # type: ignore[union-attr]
    shop.staff.templates.prepare(1, 0.0)
    shop.say("imported", "main:app")
    shop.staff.templates.discard(1, 0.0)
    assert shop.ordered() == ["discard"]
    assert shop.staff.spawn(1, 1, True) == [ForkFailed(1, "the process that workers are forked from has gone")]
    assert shop.end(50, 0) == []


def test_a_template_that_shows_its_stacks_goes_on_unless_it_was_stuck(
    preloading: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("bicorn").propagate = True
    caplog.set_level(logging.INFO)
    shop, sent = preloading, []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    shop.staff.templates.prepare(1, 0.0)
    shop.staff.templates.dumped(-1, "Thread 1")
    assert sent == []
    shop.staff.templates.discard(1, 1e9)
    shop.staff.templates.dumped(-1, "Thread 1")
    assert sent == [(50, signal.SIGUSR2), (50, KILLED)]
    assert caplog.messages == [
        "The process that workers are forked from (pid 50) shows its stacks\nThread 1",
        "The application is still being imported: killed\nThread 1",
    ]


# -- With libraries


@pytest.fixture
def sharing(shop: Shop) -> Shop:
    """The same, with a process that imports libraries."""
    shop.staff.templates.share(1, ["flask"], 0.0)
    return shop


def test_workers_wait_for_libraries_and_are_forked_with_them(sharing: Shop) -> None:
    shop = sharing
    assert shop.staff.spawn(2, 1, True) == []
    assert shop.ordered() == ["fork", "2", "alone", "0"]
    assert shop.say("imported", "main:app") == [], "the policy has not asked for it"
    assert shop.staff.templates.deadline() is None
    assert shop.say("forked", "2", "902") == [Forked(2, 902)]
    os.write(shop.tells[2], status.ready("main:app"))
    assert shop.heard() == [Ready(2, "main:app")]
    assert shop.say("gone", "902", str(KILLED)) == [Died(2, 0, "SIGKILL", pid=902)]


def test_a_worker_of_another_generation_is_forked_here(sharing: Shop) -> None:
    sharing.staff._editions._editions[2] = Edition(2, Config(app="main:app"), [])
    assert sharing.staff.spawn(2, 2, True) == [Forked(2, 101)]


def test_who_has_waited_in_vain_is_forked_here(sharing: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """However it was: it has said so, it has died, it was late."""
    logging.getLogger("bicorn").propagate = True
    shop = sharing
    for number in (2, 3):
        assert shop.staff.spawn(number, 1, True) == []
    shop.ordered(), shop.ordered()
    assert shop.say("failed", "0", "flask: installed anew") == []
    assert shop.say("unforked", "2", "") == [Forked(2, 101)]
    assert shop.staff.spawn(4, 1, True) == [Forked(4, 102)], "it is not asked any more"
    assert shop.end(50, 0) == [Forked(3, 103)]
    assert caplog.messages == ["Workers import their libraries themselves from now on: flask: installed anew"]


def test_libraries_that_bring_the_process_down(sharing: Shop, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("bicorn").propagate = True
    sharing.staff.spawn(2, 1, True)
    sharing.ordered()
    assert sharing.end(50, signal.SIGSEGV) == [Forked(2, 101)]
    assert "the process that has them crashed with SIGSEGV" in caplog.text


def test_libraries_that_hang(sharing: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("bicorn").propagate = True
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    sharing.staff.spawn(2, 1, True)
    sharing.ordered()
    assert sharing.staff.templates.deadline() == templates.PATIENCE
    sharing.staff.templates.give_up(templates.PATIENCE - 1)
    assert killed == []
    sharing.staff.templates.give_up(templates.PATIENCE)
    assert killed == [(50, KILLED)]
    assert sharing.end(50, KILLED) == [Forked(2, 101)]
    assert len(caplog.messages) == 1
    assert "has not finished after 10 s" in caplog.text


def test_a_fork_that_the_kernel_refuses_there_is_none_here_either(sharing: Shop) -> None:
    sharing.say("imported", "")
    sharing.staff.spawn(2, 1, True)
    assert sharing.say("unforked", "2", "no memory") == [ForkFailed(2, "no memory")]


def test_libraries_are_kept_with_their_generation(sharing: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    sharing.staff.spawn(2, 1, True)
    sharing.ordered()
    sharing.staff.templates.keep({1, 2})
    assert killed == []
    sharing.staff.templates.keep({2})
    assert killed == [(50, KILLED)]
    assert sharing.end(50, KILLED) == [ForkFailed(2, "the process that workers are forked from has gone")]


def test_no_process_for_libraries_is_no_failure(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("bicorn").propagate = True

    def start(*_: object, **__: object) -> Template:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(template, "start", start)
    shop.staff.templates.share(1, ["flask"], 0.0)
    assert "there is no process to do it for them: Resource temporarily unavailable" in caplog.text
    assert shop.staff.spawn(2, 1, True) == [Forked(2, 101)]
    assert shop.staff._dumps._pipes.keys() == {2}
