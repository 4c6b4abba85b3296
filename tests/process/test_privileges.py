"""Who the workers become. Becoming it happens in processes of their own, where the tests run as root."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.errors import ConfigError
from bicorn.process import privileges
from bicorn.process.privileges import Identity

ME, MY_GROUP = os.geteuid(), os.getegid()
needs_root = pytest.mark.skipif(ME != 0, reason="only root may become somebody else")


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts: site (1001, group 2001, also in 2002 and 2003), and whoever runs this."""

    def account(name: str, user: int, group: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", user, group, "", "/", "/bin/sh"))

    accounts = [account("site", 1001, 2001), account("me", ME, MY_GROUP)]

    def find(index: int, wanted: object) -> pwd.struct_passwd:
        for each in accounts:
            if each[index] == wanted:
                return each
        raise KeyError(wanted)

    def group(name: str) -> grp.struct_group:
        return grp.struct_group((name, "x", {"web": 2005}[name], []))

    monkeypatch.setattr(pwd, "getpwnam", lambda name: find(0, name))
    monkeypatch.setattr(pwd, "getpwuid", lambda user: find(2, user))
    monkeypatch.setattr(grp, "getgrnam", group)
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group, 2002, 2003])


@pytest.fixture
def root(users: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def nobody_special(users: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    monkeypatch.setattr(os, "getegid", lambda: 2001)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"user": "site"}, Identity(1001, 2001, (2001,))),
        ({"user": "1001"}, Identity(1001, 2001, (2001,))),
        ({"user": "site", "group": "web"}, Identity(1001, 2005, (2005,))),
        ({"user": "site", "group": "3000"}, Identity(1001, 3000, (3000,))),
        ({"user": "site", "initgroups": True}, Identity(1001, 2001, (2001, 2002, 2003))),
        ({"user": "4000", "group": "web"}, Identity(4000, 2005, (2005,))),
        ({"group": "web"}, Identity(0, 2005, (2005,))),
    ],
)
def test_as_root_the_workers_become_it(settings: dict[str, object], expected: Identity | None) -> None:
    assert privileges.identity(Config(**settings)) == expected


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"group": "4294967295"}, "group '4294967295' from --group: is not a group of this machine"),
        ({"user": "4294967295"}, "user '4294967295' from --user: is not a user of this machine"),
        (
            {"user": "4000"},
            "user '4000' from --user: has no account on this machine that says which group it has: give a group too",
        ),
        (
            {"user": "4000", "group": "web", "initgroups": True},
            "user '4000' from --user: has no account on this machine, so initgroups finds no groups of it",
        ),
    ],
)
def test_what_there_is_not_is_refused_before_anything_is_done(settings: dict[str, object], message: str) -> None:
    config = Config(**settings, origins={name: f"--{name}" for name in settings})
    with pytest.raises(ConfigError) as caught:
        privileges.prepare(config)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("root")
def test_an_account_that_is_removed_between_two_reloads(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(user="site")
    monkeypatch.setattr(pwd, "getpwnam", {}.__getitem__)
    with pytest.raises(ConfigError, match=r"^user 'site': is not a user of this machine$"):
        privileges.drop(config)


@pytest.mark.usefixtures("nobody_special")
def test_only_root_may_ask_for_somebody_else() -> None:
    with pytest.raises(
        ConfigError, match=r"^user 'me' from X: only root may run workers as another user than its own$"
    ):
        privileges.prepare(Config(user="me", origins={"user": "X"}))
    with pytest.raises(ConfigError, match=r"^group 'web': only root may run workers as another group than its own$"):
        privileges.prepare(Config(group="web"))


@pytest.mark.usefixtures("nobody_special")
def test_to_ask_for_oneself_is_no_wish_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "setuid", None)  # calling it would fail
    config = Config(user="site", group="2001")
    privileges.prepare(config)
    privileges.drop(config)


@pytest.mark.usefixtures("root")
def test_the_user_is_changed_last(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, object]] = []
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: calls.append((name, value)))
    privileges.drop(Config(user="site", initgroups=True))
    assert calls == [("setgroups", (2001, 2002, 2003)), ("setgid", 2001), ("setuid", 1001)]


@pytest.mark.usefixtures("root")
def test_a_kernel_that_refuses_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", refuse)
    with pytest.raises(ConfigError, match=r"^user 'site': the kernel refuses the change: Operation not permitted$"):
        privileges.drop(Config(user="site"))


def test_the_umask_is_set(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        privileges.prepare(Config(umask="027"))
        made = os.umask(0o022)
        privileges.prepare(Config())
        assert (made, os.umask(before)) == (0o027, 0o022)
    finally:
        os.umask(before)


def test_without_another_user_log_files_stay_whose_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "chown", None)  # calling it would fail
    privileges.give_logs(Config(error_logfile=str(tmp_path / "log")))


@needs_root
def test_log_files_become_the_workers(tmp_path: Path) -> None:
    log, pipe = tmp_path / "log", tmp_path / "pipe"
    log.touch()
    os.mkfifo(pipe)
    privileges.give_logs(Config(user="4001", group="4002", error_logfile=str(log), access_logfile=str(pipe)))
    assert (log.stat().st_uid, log.stat().st_gid) == (4001, 4002)
    assert pipe.stat().st_uid == ME
    privileges.give_logs(Config(user="4001", group="4002", error_logfile=str(tmp_path / "gone"), access_logfile="-"))


@needs_root
def test_there_is_no_way_back() -> None:
    code = """
import os
from bicorn.config.settings import Config
from bicorn.process import privileges
privileges.drop(Config(user="4001", group="4002"))
print(os.getresuid(), os.getresgid(), os.getgroups())
for back in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try:
        back()
    except PermissionError:
        print("no")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout == "(4001, 4001, 4001) (4002, 4002, 4002) [4002]\nno\nno\nno\n", done.stderr
