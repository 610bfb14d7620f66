"""kill -9 of a host that has posts in hand, before each thing that it does to the store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from oneiric_lab.store import DeadLetters, Post, Posts, Store

DRIVER = """
import asyncio, json, os, shutil, signal, sys, threading
from pathlib import Path
from anyio import to_thread
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Registry
from oneiric_lab.runtime import Events, Postman
from oneiric_lab.store import DeadLetters, Posts, Store

root = sys.argv[1]
COUNTED = {"execute", "executemany", "close"}


def kill_before(n):
    left = [n]

    def profile(frame, event, call):
        if event == "c_call" and call.__name__ in COUNTED:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(profile)
    sys.setprofile(profile)


async def host(folder):
    store = Store(Path(folder))
    lines = open(f"{folder}/lines", "a", buffering=1)

    def good(event):
        lines.write(f"good {event.payload}\\n")

    def bad(event):
        lines.write(f"bad {event.payload}\\n")
        raise ValueError("no")

    async with Lifecycle(Registry()) as life:
        events = Events(life, keep=DeadLetters(store).add)
        events.on("order", good, name="good")
        events.on("order", bad, name="bad")
        man = Postman(store, events)
        async with man.telling(), events.running():
            await man.taking(once=True)
            await events.drain(10)


def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def dies(folder, n):
    kill_before(n)
    asyncio.run(host(folder))


n, died = 0, True
while died:
    n += 1
    folder = f"{root}-{n}"
    shutil.copytree(root, folder)
    died = child(lambda: dies(folder, n))
    posts = Posts(Store(Path(folder))).newest()
    lines = Path(folder, "lines")
    told = {
        "folder": folder,
        "done": [post.event["payload"] for post in posts if post.done is not None],
        "by_then": lines.read_text().split("\\n") if lines.exists() else [],
    }
    asyncio.run(host(folder))
    print(json.dumps(told), flush=True)
"""


class TestKilled:
    """The next host does what the last one did not end."""

    def test_no_post_is_lost_wherever_the_host_is_killed(self, tmp_path: Path) -> None:
        """What was told as done had been handled by then, with its letters kept; all else is
        handed over by the next host.
        """
        root = tmp_path / "store"
        Posts(Store(root)).add(
            [Post(1.0, "", {"topic": "order", "payload": n, "headers": {}}) for n in (1, 2)]
        )

        said = subprocess.run(
            [sys.executable, "-c", DRIVER, str(root)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        ).stdout

        rows: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
        for row in rows:
            after = Store(Path(row["folder"]))
            handled = Path(row["folder"], "lines").read_text().splitlines()
            letters = {one.event["payload"] for one in DeadLetters(after).newest()}
            assert {"good 1", "good 2", "bad 1", "bad 2"} <= set(handled)
            assert letters == {1, 2}
            assert Posts(after).left() == 0
            for n in row["done"]:
                assert {f"good {n}", f"bad {n}"} <= set(row["by_then"])
        # It was killed with nothing told, and with all told; the last one was not killed.
        assert {len(row["done"]) for row in rows[:-1]} >= {0, 2}
        assert len(rows) > 20


KILLER = """
import asyncio, os, signal, sys, time
from pathlib import Path
from oneiric_lab.lifecycle import Lifecycle
from oneiric_lab.registry import Registry
from oneiric_lab.runtime import Events, Postman
from oneiric_lab.store import DeadLetters, Posts, Store

folder = Path(sys.argv[1])
lines = open(folder / "lines", "a", buffering=1)


async def killer(event):
    lines.write(f"killer {event.payload}\\n")
    if event.payload == "poison":
        # Long enough for the store to know what the other handler did.
        await asyncio.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)


async def host():
    store = Store(folder)
    async with Lifecycle(Registry()) as life:
        events = Events(life, keep=DeadLetters(store).add)
        events.on("order", lambda event: lines.write(f"good {event.payload}\\n"), name="good")
        events.on("order", killer, name="killer")
        man = Postman(store, events)
        async with man.telling(), events.running():
            await man.taking(once=True)
            await events.drain(10)

asyncio.run(host())
"""


class TestKillers:
    """An event that kills its host."""

    def test_three_hosts_die_and_the_fourth_goes_on(self, tmp_path: Path) -> None:
        """Then it is a dead letter of the handler that did it; the other had it once, and other
        events are handled.
        """
        store = Store(tmp_path)
        for payload in ("one", "poison", "two"):
            Posts(store).add([Post(1.0, "", {"topic": "order", "payload": payload})])

        codes = [
            subprocess.run(
                [sys.executable, "-c", KILLER, str(tmp_path)], check=False, timeout=60
            ).returncode
            for _ in range(4)
        ]

        assert codes == [-9, -9, -9, 0]
        (letter,) = DeadLetters(store).newest()
        assert (letter.handler, letter.reason) == ("killer", "refused")
        assert Posts(store).left() == 0
        lines = (tmp_path / "lines").read_text().split("\n")
        assert lines.count("good poison") == 1
        assert lines.count("killer poison") == 3
        assert lines.count("killer two") == 1
        assert {"good one", "killer one", "good two"} <= set(lines)
        assert [one.deaths for one in Posts(store).newest()] == [0, 3, 0]
