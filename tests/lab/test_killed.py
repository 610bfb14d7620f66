"""kill -9 before every operation on a file or the store: old or new, never between.

The driver is a process of its own. It forks for every n, and the child kills itself before
its n-th operation, which a profile function counts: each call of the system's functions for
files, of file objects and of sqlite, in every thread. Between two such calls nothing changes
that a later process could see.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]

_DRIVER = '''
import asyncio, json, os, shutil, signal, sys, threading
from dataclasses import replace
from pathlib import Path

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import OneiricError
from oneiric_lab.files import lock
from oneiric_lab.lab import Lab

COUNTED = {"open", "write", "flush", "close", "__exit__", "fsync", "replace", "rename", "unlink",
    "mkdir", "chmod", "chown", "ftruncate", "flock", "execute", "executemany", "connect"}
MODULES = {"posix", "io", "_io", "fcntl", "sqlite3", "_sqlite3"}
PROJECT = """[app]
name = "old"
[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
"""
CACHE = "adapter:cache"


def kill_before(n):
    left = [n]

    def profile(frame, event, call):
        if event != "c_call" or call.__name__ not in COUNTED:
            return
        owner = call.__self__
        home = getattr(owner, "__name__", None) or type(owner).__module__
        if home in MODULES:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(profile)
    sys.setprofile(profile)


def opened(root):
    return Lab.open(root, environ={}, trusted=True)


# Each returns what is done under the knife; what only reads comes before.


def apply(root):
    return opened(root).plan({"app.name": "new"}, layer="project").apply


def two_files(root):
    from oneiric_lab.lab._writing import write

    lab = opened(root)
    one = lab.plan({"app.name": "new"}, layer="project").proposal
    two = lab.plan({"app.debug": True}, layer="local").proposal
    both = replace(one, files=one.files + two.files)
    return lambda: write(lab.store, lab.root, both, "apply")


def undo(root):
    return opened(root).undo


def swap(root):
    return lambda: run(["-C", str(root), "swap", CACHE, "sqlite"], Interaction())


def pause(root):
    lab = opened(root)
    return lambda: lab.desire(CACHE, "paused", why="a move")


def while_it_runs(root, work):
    lab = opened(root)

    async def main():
        async with lab.running() as life:
            await life.activate("adapter", "cache")
            await work(lab)

    return lambda: asyncio.run(main())


def swap_what_runs(root):
    return while_it_runs(root, lambda lab: lab.swap(CACHE, "sqlite"))


def drain_what_runs(root):
    return while_it_runs(root, lambda lab: lab.drain(CACHE, why="a move"))


def is_done(name, lab):
    """Whether the files or the store hold what was to be done; whatever history says."""
    if name == "swap":
        return lab.value("adapters.selections").get("cache") == "sqlite"
    if name in {"pause", "drain_what_runs"}:
        return CACHE in lab.store.desired()
    if name == "swap_what_runs":
        # The choice itself ends with its process.
        return "swap" in [entry.verb for entry in lab.history().entries]
    if name == "two_files":
        found = lab.value("app.name") == "new", bool(lab.value("app.debug"))
        assert found[0] == found[1], found
        return found[0]
    return lab.value("app.name") == ("old" if name == "undo" else "new")


def check(name, root, before):
    """Look as the next process does, then write as it does; return whether it was done."""
    with lock(root / ".oneiric" / "lock", timeout=0):
        pass  # free
    lab = opened(root)
    assert lab.store.notices() == (), lab.store.notices()
    entries = lab.history().entries
    if name == "two_files" and lab.store.pending() and len(entries) == before:
        # Both files have what they had as soon as somebody saves; no plan writes two.
        try:
            lab.save({"app.environment": "x"})
            lab.undo()
        except OneiricError as error:
            assert error.code == "file-changed", error
        lab = opened(root)
        assert lab.value("app.name") == "old"
        entries = [e for e in lab.history().entries if "x" not in e.summary][:before]
    done = is_done(name, lab)
    if name in {"apply", "two_files", "swap", "swap_what_runs"}:
        assert len(entries) == before + done, (len(entries), before, done)
    if name == "undo":
        first = next(e for e in entries if e.id == 1)
        assert (first.undone_by is not None) == done, (first, done)
        assert len(entries) == before + done
    if name == "pause":
        wishes = lab.store.desires()
        assert len(wishes) == done and all(w.why == "a move" for w in wishes)
    text = (root / "oneiric.toml").read_bytes()
    lab.save({"app.environment": "later"})
    assert not list(root.rglob(".oneiric-*.tmp"))
    assert not lab.store.pending()
    lab.undo()
    assert (root / "oneiric.toml").read_bytes() == text
    if done and name in {"apply", "swap"}:
        lab.undo()
        assert (root / "oneiric.toml").read_bytes() == PROJECT.encode()
    ignored = (root / ".oneiric" / ".gitignore").read_text()
    assert ignored == "*\\n", ignored
    return done


def main(name, there, folder):
    base = folder / "base"
    base.mkdir()
    (base / "oneiric.toml").write_text(PROJECT)
    before = 0
    if there or name == "undo":
        lab = opened(base)
        if name == "undo":
            lab.save({"app.name": "new"})
        else:
            lab.save({"app.environment": "before"})
            (base / "oneiric.toml").write_text(PROJECT)
        before = 1
    outcomes, leftovers, last = [], 0, None
    for n in range(1, 10_000):
        root = folder / str(n)
        shutil.copytree(base, root)
        child = os.fork()
        if not child:
            try:
                work = globals()[name](root)
                kill_before(n)
                work()
            except BaseException as error:
                sys.setprofile(None)
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) or status == 0, status
        leftovers += bool(list(root.rglob(".oneiric-*.tmp")))
        state = {p.name[:9]: p.read_bytes() for p in root.rglob("*") if p.is_file()}
        if state == last and status:
            shutil.rmtree(root)
            outcomes.append(outcomes[-1])  # what is alike was looked at
            continue
        last = state
        try:
            outcomes.append(check(name, root, before))
        except BaseException as error:
            raise AssertionError(f"killed before operation {n}: {error!r}") from error
        shutil.rmtree(root)
        if status == 0:
            break
    print(json.dumps([outcomes, leftovers]))


main(sys.argv[1], sys.argv[2] == "there", Path(sys.argv[3]))
'''

CASES = [
    *((name, "missing") for name in ("apply", "undo", "swap", "pause", "swap_what_runs")),
    *((name, "there") for name in ("apply", "pause", "two_files", "drain_what_runs")),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of flushes to a disk take minutes."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(dir=memory if memory.is_dir() else None, prefix="oneiric-killed-")
    yield Path(made)
    shutil.rmtree(made)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(("name", "store"), CASES)
def test_killed_before_every_operation(folder: Path, name: str, store: str) -> None:
    """
    The next process sees the old or the new, history and files agree, the lock is free, the
    next write cleans up, and what was done once is so from there on.
    """
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, name, store, folder],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes, leftovers = json.loads(done.stdout)

    first = outcomes.index(True)
    assert outcomes == [False] * first + [True] * (len(outcomes) - first)
    assert len(outcomes) > 15
    # The test of the test: some of the kills fell between making a file and renaming it.
    assert (leftovers > 0) == (name in {"apply", "two_files", "undo", "swap"})
