"""A driver, run as a process of its own: one sync after another, each under one more fault.

For each system call that writes, flushes, renames or removes, and for each k, it copies a
workspace that has release 1, forks, and lets the child sync release 2 while strace makes the
k-th such call go wrong: by SIGKILL, or by an error. Then it looks as the next process does.
The child's work is done in one thread, so that the k-th call is the same in every run.

    python sweep_sync.py FOLDER kill|ENOSPC|EIO once|on

`once` harms one call, `on` that one and all of its kind that follow.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from oneiric_lab.lab import Lab
from oneiric_lab.testing import MemoryRemote, ReleaseHouse
from oneiric_lab.trust import State

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "mkdir")
WHEEL = {1: b"one" * 5000, 2: b"two" * 5000}


async def inline(work: Any, *args: Any, **_: Any) -> Any:
    """Stand in for a worker thread."""
    return work(*args)


def entry(number: int) -> dict[str, Any]:
    """Return the one entry of release *number*, with its artifact."""
    data = WHEEL[number]
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "domain": "adapter",
        "key": "cache",
        "provider": f"p{number}",
        "version": f"{number}.0",
        "factory": "shop.cache:Cache",
        "artifact": {"uri": f"{number}.whl", "sha256": sha256, "size": len(data)},
    }


class Place:
    """A folder with a workspace that follows a repository in memory."""

    def __init__(self, folder: Path) -> None:
        self.base, self.remote = folder / "base", MemoryRemote()
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        self.releases = {n: house.release([entry(n)]) for n in (1, 2)}
        self.base.mkdir()
        (self.base / "trust.toml").write_text(f'root = "sha256:{house.root.sha256}"\n')
        url = self.remote.url("shop.oneiric.json")
        (self.base / "oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{url}"\n[plugins]\nauto_load = false\n'
        )
        for number, data in WHEEL.items():
            self.remote.files[f"{number}.whl"] = data
        self.remote.publish(self.releases[1])
        assert self.open(self.base).sync(fetcher=self.remote).ok
        self.remote.publish(self.releases[2])

    def open(self, root: Path) -> Lab[Any]:
        """Open the workspace as a new process does."""
        return Lab.open(root, environ={}, trusted=True)

    def child(self, root: Path, go: int, said: socket.socket) -> None:
        """Sync once the parent says so, and say what came of it."""
        anyio.to_thread.run_sync = inline  # type: ignore[assignment]  # see the module
        lab = self.open(root)
        lab._remote.kept()
        said.send(b"r")
        os.read(go, 1)
        row = lab.sync(fetcher=self.remote).sources[0]
        # No `write`: that one is harmed.
        said.send(json.dumps([row.outcome, [f.code for f in row.faults]]).encode())

    def under(self, root: Path, call: str, fault: str) -> tuple[bool, int, str, list[str]]:
        """Return whether a call was harmed, how the child ended, and what it said."""
        go, start = os.pipe()
        told, said = socket.socketpair()
        pid = os.fork()
        if not pid:
            code = 1
            try:
                told.close()
                os.close(start)
                self.child(root, go, said)
                code = 0
            finally:
                os._exit(code)
        os.close(go)
        said.close()
        told.recv(1)
        log = root.with_suffix(".strace")
        tracer = subprocess.Popen(
            [
                *("strace", "-f", "-q", "-o", str(log), "-p", str(pid)),
                *("-e", f"trace={call}", "-e", f"inject={call}:{fault}"),
            ],
            stderr=subprocess.PIPE,
        )
        assert tracer.stderr is not None
        while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text():
            if tracer.poll() is not None:
                raise RuntimeError(f"strace: {tracer.stderr.read().decode()}")
            time.sleep(0.001)
        time.sleep(0.005)
        os.write(start, b"x")
        os.close(start)
        text = b""
        while more := told.recv(65536):
            text += more
        told.close()
        status = os.waitpid(pid, 0)[1]
        tracer.wait()
        tracer.stderr.close()
        harmed = os.WIFSIGNALED(status) or "INJECTED" in log.read_text()
        outcome, codes = json.loads(text) if text else ("", [])
        return harmed, status, outcome, codes

    def look(self, root: Path) -> int:
        """Return which release is in force for the next process; all parts must agree on it."""
        lab = self.open(root)
        assert not lab.store.notices(), lab.store.notices()
        assert not lab.problems, lab.problems
        found = {c.provider for c in lab.registry.current.candidates() if c.source == "manifest"}
        assert found in ({"p1"}, {"p2"}), found
        number = int(found.pop()[1])
        good = lab._remote.kept()["default"].good
        assert good is not None
        assert good.release["version"] == number
        trusted = State.parse(lab.store.trusted() or b"")
        assert trusted.channels["stable"].statement.version == number
        path = lab.artifact("adapter:cache", f"p{number}")
        assert path is not None
        assert path.read_bytes() == WHEEL[number]
        for one in (root / ".oneiric" / "objects").rglob("*"):
            if one.is_file() and not one.name.endswith(".tmp"):
                digest = hashlib.sha256(one.read_bytes()).hexdigest()
                assert one.parent.name + one.name == digest, one
        return number


def main(folder: Path, fault: str, how: str) -> None:
    """Sweep, and print for each call how it ended and what was in force afterwards."""
    place = Place(folder)
    rows: list[Any] = []
    last: Any = None
    for call in CALLS:
        for k in range(1, 1000):
            root = folder / f"{call}{k}"
            shutil.copytree(place.base, root)
            when = f"when={k}" + ("+" if how == "on" else "")
            kind = "signal=KILL" if fault == "kill" else f"error={fault}"
            harmed, status, outcome, codes = place.under(root, call, f"{kind}:{when}")
            assert status in {0, signal.SIGKILL}, (call, k, status)
            state = {
                path.name[:9]: path.read_bytes()
                for path in root.rglob("*")
                if path.is_file() and not path.name.endswith("-shm")
            }
            if harmed and (state, outcome, codes) == last:
                # What is alike was looked at.
                rows.append([call, *rows[-1][1:]])
                shutil.rmtree(root)
                continue
            last = (state, outcome, codes)
            try:
                number = place.look(root)
                told = place.open(root).remote_status().sources[0].attempts[-1]
                assert place.open(root).sync(fetcher=place.remote).ok
                assert place.look(root) == 2
                assert not list((root / ".oneiric" / "objects").rglob("*.tmp"))
            except Exception as error:
                raise AssertionError(f"{fault} at {call} {k}: {error!r}") from error
            shutil.rmtree(root)
            if not harmed:
                break
            rows.append([call, outcome, codes, number, told.outcome, told.code])
    sys.stdout.write(json.dumps(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
