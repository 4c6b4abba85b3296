"""Control groups, read from trees of sample files in both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.process import cgroup
from bicorn.process.cgroup import Group, OomKills, own


def plant(root: Path, files: dict[str, str]) -> Group:
    """The group that these files make."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return own(str(root))


V2 = {
    "proc/self/cgroup": "0::/kubepods/pod1/app\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "sys/fs/cgroup/kubepods/pod1/app/cpu.max": "max 100000\n",
    "sys/fs/cgroup/kubepods/pod1/app/memory.max": "max\n",
    "sys/fs/cgroup/kubepods/pod1/app/memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n",
}


def test_version_2(tmp_path: Path) -> None:
    group = plant(tmp_path, V2)
    assert group.version == 2
    assert group.memory[0].endswith("/kubepods/pod1/app")
    assert group.memory[-1].endswith("/sys/fs/cgroup")
    assert group.oom_kills() == 2
    assert group.processors() is None
    assert group.memory_limit() is None


def test_version_2_limits_of_any_group_around_it_hold(tmp_path: Path) -> None:
    group = plant(
        tmp_path,
        V2
        | {
            "sys/fs/cgroup/kubepods/pod1/app/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/kubepods/pod1/memory.max": "536870912\n",
            "sys/fs/cgroup/kubepods/memory.max": "8589934592\n",
        },
    )
    assert group.processors() == 1.5
    assert group.memory_limit() == 512 << 20


def test_version_2_in_a_container_that_sees_its_group_as_the_root(tmp_path: Path) -> None:
    group = plant(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/memory.max": "1073741824\n",
            "sys/fs/cgroup/memory.events": "oom_kill 1\n",
        },
    )
    assert (group.processors(), group.memory_limit(), group.oom_kills()) == (2.0, 1 << 30, 1)


def test_a_path_from_outside_the_container(tmp_path: Path) -> None:
    group = plant(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../../docker/0123abcd\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/memory.max": "1073741824\n",
        },
    )
    assert group.memory_limit() == 1 << 30


V1 = {
    "proc/self/cgroup": (
        "12:pids:/docker/abc\n7:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n"
    ),
    "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n",
    "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "268435456\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
    "sys/fs/cgroup/unified/cgroup.controllers": "",
}


def test_version_1(tmp_path: Path) -> None:
    group = plant(tmp_path, V1)
    assert group.version == 1
    assert (group.processors(), group.memory_limit(), group.oom_kills()) == (2.5, 256 << 20, 5)


def test_version_1_without_limits(tmp_path: Path) -> None:
    group = plant(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n2:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n",
        },
    )
    assert (group.processors(), group.memory_limit(), group.oom_kills()) == (None, None, -1)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": ""},
        {"proc/self/cgroup": "nonsense\n::\n0\n\n", "sys/fs/cgroup/cgroup.controllers": "cpu\n"},
        {"proc/self/cgroup": "0::/gone\n", "sys/fs/cgroup/cgroup.controllers": "cpu\n"},
        V2 | {"sys/fs/cgroup/kubepods/pod1/app/cpu.max": "\n", "sys/fs/cgroup/kubepods/pod1/app/memory.max": "?\n"},
        V2 | {"sys/fs/cgroup/kubepods/pod1/app/cpu.max": "0 0\n", "sys/fs/cgroup/kubepods/pod1/app/memory.max": "0\n"},
        V2 | {"sys/fs/cgroup/kubepods/pod1/app/cpu.max": "100000 0\n"},
    ],
)
def test_what_is_not_known_is_no_limit(tmp_path: Path, files: dict[str, str]) -> None:
    group = plant(tmp_path, files)
    assert (group.processors(), group.memory_limit()) == (None, None)


def test_no_group_at_all(tmp_path: Path) -> None:
    group = own(str(tmp_path))
    assert group == Group()
    assert group.oom_kills() == -1


def test_this_process_has_one_or_has_not() -> None:
    assert cgroup.oom_kills() >= -1
    assert own().version in (0, 1, 2)


EVENTS = "sys/fs/cgroup/kubepods/pod1/app/memory.events"


def test_each_kill_is_taken_once(tmp_path: Path) -> None:
    kills = OomKills(plant(tmp_path, V2))
    assert not kills.take(), "those of before are nobody's"
    plant(tmp_path, {EVENTS: "oom 4\noom_kill 4\n"})
    assert [kills.take() for _ in range(3)] == [True, True, False]
    plant(tmp_path, {EVENTS: "oom 5\noom_kill 5\n"})
    assert [kills.take() for _ in range(2)] == [True, False]


def test_where_the_group_does_not_tell_the_machine_does(tmp_path: Path) -> None:
    system = tmp_path / "vmstat"
    system.write_text("nr_free_pages 1\noom_kill 7\n")
    kills = OomKills(Group(), str(system))
    assert not kills.take()
    system.write_text("nr_free_pages 1\noom_kill 8\n")
    assert [kills.take() for _ in range(2)] == [True, False]
    assert not OomKills(Group(), str(tmp_path / "nothing")).take()
