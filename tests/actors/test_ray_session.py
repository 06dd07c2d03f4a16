"""What surrounds a Ray session: addresses, a short folder, and what is cleared away after an owner
that was killed."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from selfplay.actors import ray_session, watchdog
from selfplay.commands import training

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


NO_ADDRESSES = [
    "", "ray://127.0.0.1:10001", "auto", "local", "127.0.0.1", "127.0.0.1:", ":6379", "host:0",
    "host:65536", "host:6379/x", "http://a:1", "a b:1", "a:1\n", "größe:1", "x" * 100_000 + ":1",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_an_address_that_is_none_is_refused_in_one_short_line(text):
    with pytest.raises(ValueError, match=r"^--address takes HOST:PORT [^\n]*$") as refused:
        training.number_of_actors(1, text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "text, found",
    [
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("[::1]:80", ("::1", 80)),
        ("head-1.lan:1", ("head-1.lan", 1)),
    ],
)
def test_an_address_is_a_host_and_a_port(text, found):
    assert ray_session.parse_address(text) == found


def test_nobody_at_an_address_is_found_out_at_once():
    for address in ("127.0.0.1:1", "no-such-host.invalid:6379"):
        begin = time.monotonic()
        with pytest.raises(ValueError, match=f"^no Ray cluster answers at {address}: "):
            ray_session.reach(address)
        assert time.monotonic() - begin < ray_session.REACH_SECONDS + 5


def test_what_takes_too_long_is_left_behind():
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        ray_session.within(0.1, lambda: time.sleep(5))
    assert time.monotonic() - begin < 3
    assert ray_session.within(5, lambda: 7) == 7
    with pytest.raises(KeyError):
        ray_session.within(5, lambda: {}["missing"])


def test_a_long_folder_for_temporary_files_is_passed_over(tmp_path, monkeypatch):
    """verl#1120, ray#7945: schedulers give each job a folder whose name is too long for a
    socket."""
    long = (
        tmp_path
        / "a_long_folder_name_that_a_scheduler_makes_for_every_job"
        / "node0001"
        / "user_example"
    )
    long.mkdir(parents=True)
    monkeypatch.setattr(ray_session.tempfile, "gettempdir", lambda: str(long))
    folder, lock = ray_session.new_folder()
    name = f"{folder}/session_2026-11-27_20-16-01_217783_4194304/sockets/plasma_store"
    assert len(name) < 108 and folder.is_dir()
    os.close(lock)
    watchdog.clear(folder)


def test_places_of_others_are_passed_over_and_no_place_is_one_line(tmp_path, monkeypatch):
    taken = tmp_path / f"selfplay-ray-{os.getuid()}"
    taken.symlink_to("/")
    monkeypatch.setattr(ray_session.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_session, "LONGEST_FOLDER", 200)
    monkeypatch.setattr(ray_session, "PLACES", ())
    with pytest.raises(OSError, match="no short folder"):
        ray_session.new_folder()
    taken.unlink()
    taken.mkdir()
    taken.chmod(0o777)
    with pytest.raises(OSError, match="no short folder"):
        ray_session.new_folder()


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_session.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_session, "LONGEST_FOLDER", 200)
    return tmp_path / f"selfplay-ray-{os.getuid()}"


def test_folders_of_killed_owners_go_and_no_others(root):
    """A session that runs is held by its owner; one that is just being made has no lock yet."""
    held, lock = ray_session.new_folder()
    dead, other = ray_session.new_folder()
    os.close(other)
    (root / "begun").mkdir()
    newest, last = ray_session.new_folder()
    assert held.exists() and newest.exists() and (root / "begun").exists() and not dead.exists()
    os.close(lock)
    os.close(last)


WORKER = (
    "import sys, time; open(sys.argv[1], 'w').write('x'); held = open(sys.argv[1]); print('ready', "
    "flush=True); time.sleep(60)"
)


def worker(file) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(file)], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@linux
def test_what_still_works_in_a_killed_owner_s_folder_is_ended_and_nothing_else(root):
    dead, lock = ray_session.new_folder()
    ours, others = worker(dead / "log"), worker(root.parent / "log")
    os.close(lock)
    _, lock = ray_session.new_folder()
    assert ours.wait(10) == -signal.SIGKILL and others.poll() is None and not dead.exists()
    others.kill()
    others.wait()
    os.close(lock)


OWNER = """
import os, sys, time
from pathlib import Path
from selfplay.actors import ray_session
folder, lock = ray_session.new_folder()
watch = ray_session.Watch(folder, "nothing is lost")
import subprocess
command = [sys.executable, "-c", sys.argv[1], str(folder / "log")]
part = subprocess.Popen(command, stdout=subprocess.PIPE)
part.stdout.readline()
watch.watch("Ray's part", part.pid)
if "quiet" in sys.argv:
    watch.quiet()
print(folder, part.pid, flush=True)
time.sleep(60)
"""


@linux
@pytest.mark.parametrize(
    "what, said",
    [
        ("owner", "selfplay: this process was killed; nothing is lost\n"),
        ("part", "selfplay: Ray's part was killed; nothing is lost\n"),
        ("quiet", ""),
    ],
)
def test_after_a_kill_one_line_says_what_died_and_nothing_is_left(what, said):
    command, pipe = [sys.executable, "-c", OWNER, WORKER, what], subprocess.PIPE
    owner = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
    folder, part = owner.stdout.readline().split()
    if what == "part":
        os.kill(int(part), signal.SIGKILL)
        time.sleep(0.5)
    owner.kill()
    assert owner.communicate(timeout=20)[1] == said
    begin = time.monotonic()
    while (
        os.path.exists(folder) or ray_session.is_running(int(part))
    ) and time.monotonic() - begin < 10:
        time.sleep(0.05)
    assert not os.path.exists(folder) and not ray_session.is_running(int(part))


@linux
def test_only_running_children_of_this_process_are_found_by_name():
    child = subprocess.Popen(["sleep", "30"])
    assert ray_session.children(("sleep",)) == {"sleep": child.pid} and ray_session.is_running(
        child.pid
    )
    child.kill()
    while ray_session.is_running(child.pid):  # it stays a zombie until somebody asks
        time.sleep(0.01)
    child.wait()
    assert not ray_session.children(("sleep",)) and not ray_session.is_running(child.pid)


def test_more_actors_than_memory_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^--actors 100,000 would not fit: [^\n]*$"):
        training.number_of_actors(100_000, None)


def test_an_interrupt_while_a_session_closes_is_raised_when_the_session_is_over():
    """Ray ends a process that ends while Ray is shutting down, with words of its own: an impatient
    user's second Ctrl-C."""
    over = []

    def end() -> None:
        time.sleep(0.5)
        over.append(True)

    session = ray_session.Session(lambda: None, end, address="127.0.0.1:1")
    assert session.is_up(wait=True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            session.close()
    finally:
        signal.signal(signal.SIGINT, before)
    assert over == [True] and not session.keeper.is_alive()
