"""Cores and memory are those that this process may use, not the machine's."""

import math
import os
import resource
import subprocess
import sys

import pytest

from native.machine import host
from selfplay.actors import local_pool
from selfplay.commands import training


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A kernel's account of a process on a machine of 64 cores, to be filled by the tests."""
    monkeypatch.setattr(host, "available", lambda: 64)
    (tmp_path / "mounts").write_text("")
    (tmp_path / "cgroup").write_text("")
    return tmp_path


def mount(process, kind, options, group, **files):
    """Show control groups as a file system in a folder of their own, with the files of one
    group."""
    point = process / "fs" / kind / options.replace(",", "-")
    folder = point / group.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")
    line = f"cgroup {point} {kind} rw,nosuid,{options} 0 0\n"
    if line not in (mounts := process / "mounts").read_text():
        mounts.write_text(mounts.read_text() + line)


def belongs(process, *lines):
    (process / "cgroup").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "limit, cores",
    [
        ("max 100000", 64), ("400000 100000", 4), ("150000 100000", 2), ("10000 100000", 1),
        ("200000 50000", 4), ("", 64), ("7", 64), ("x y", 64), ("100000 0", 64),
    ],
)  # fmt: skip
def test_a_quota_of_version_2_limits_the_cores(process, limit, cores):
    """Kernel documentation, cgroup-v2: `cpu.max` is "$MAX $PERIOD"; what is no such line limits
    nothing."""
    belongs(process, "0::/job")
    mount(process, "cgroup2", "rw", "/job", cpu__max=limit)
    assert host.cores(process) == cores


@pytest.mark.parametrize("quota, cores", [("-1", 64), ("400000", 4), ("50000", 1), ("250000", 3)])
def test_a_quota_of_version_1_limits_the_cores(process, quota, cores):
    belongs(process, "4:cpu,cpuacct:/slurm/job_7", "3:memory:/slurm/job_7")
    mount(
        process,
        "cgroup",
        "cpu,cpuacct",
        "/slurm/job_7",
        cpu__cfs_quota_us=quota,
        cpu__cfs_period_us="100000",
    )
    assert host.cores(process) == cores


def test_a_limit_of_a_group_above_holds_too(process):
    """As in Kubernetes, where the pod's group may be tighter than the container's."""
    belongs(process, "0::/pod/container")
    mount(
        process,
        "cgroup2",
        "rw",
        "/pod/container",
        cpu__max="800000 100000",
        memory__max="8000000000",
    )
    mount(process, "cgroup2", "rw", "/pod", cpu__max="300000 100000", memory__max="2000000000")
    assert host.cores(process) == 3 and host.memory(process) == 2_000_000_000


def test_a_container_finds_its_limits_at_the_mount_point(process):
    """Docker with version 1 names the group's path on the host, which is not there inside."""
    belongs(process, "4:cpu,cpuacct:/docker/0123abcd", "3:memory:/docker/0123abcd")
    mount(
        process,
        "cgroup",
        "cpu,cpuacct",
        "/",
        cpu__cfs_quota_us="200000",
        cpu__cfs_period_us="100000",
    )
    mount(process, "cgroup", "memory", "/", memory__limit_in_bytes="1000000000")
    assert host.cores(process) == 2 and host.memory(process) == 1_000_000_000


def test_other_groups_and_no_limit_are_no_limit(process):
    belongs(process, "0::/mine", "3:memory:/mine")
    mount(process, "cgroup2", "rw", "/other", cpu__max="100000 100000", memory__max="5")
    mount(process, "cgroup2", "rw", "/mine", cpu__max="max 100000", memory__max="max")
    mount(process, "cgroup", "memory", "/mine", memory__limit_in_bytes=str(2**63 - 4096))
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert host.cores(process) == 64 and host.memory(process) == physical


def test_a_machine_without_control_groups_has_what_it_has(tmp_path):
    assert host.cores(tmp_path / "nowhere") == host.available()
    assert math.isfinite(host.memory(tmp_path / "nowhere"))


ASK = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
from native.machine import host
print(host.cores(), host.memory())
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="Linux alone binds processes to cores"
)
def test_affinity_and_a_limit_of_addresses_are_kept_to():
    """taskset, Slurm's --cpu-bind and `ulimit -v` (pytorch#64864, cpython#80235)."""
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
    )
    cores, memory = map(int, done.stdout.split())
    assert cores == 1 and memory <= 3 << 30 < resource.RLIM_INFINITY % 2**64


def test_actors_chosen_by_default_are_as_many_as_the_cores_allowed(monkeypatch):
    monkeypatch.setattr(training, "ray_is_there", lambda: True)
    for allowed, actors in ((1, 0), (2, 2), (5, 5)):
        monkeypatch.setattr(training, "cores", lambda allowed=allowed: allowed)
        monkeypatch.setattr(local_pool, "cores", lambda allowed=allowed: allowed)
        assert training.number_of_actors(None, None) == actors
