"""A process that runs a durable workflow and may be killed; the tests fork it, see `Child`.

What it does is said in `child.json` of its folder; every call of a task is a line of `calls`,
what it says is in `out`, and how it failed in `err`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import time
import traceback
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.runtime import Code, Database, DurableEngine, Order, dag_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
import dbos  # noqa: F401 - the server that forks children has it loaded

# What every child would do again: a schema, and the loop's own modules.
dag_of({"nodes": [{"id": "a", "task": "work"}]})
importlib.import_module("anyio._backends._asyncio")
importlib.import_module("sqlalchemy.dialects.sqlite")
importlib.import_module("sqlite3")


class Tasks:
    """One task, which writes down its call, and may end its process before or behind that."""

    def __init__(self, folder: Path, said: dict[str, Any]) -> None:
        self.folder, self.said = folder, said

    @asynccontextmanager
    async def lease(self, key: str) -> AsyncIterator[Any]:
        """Give the task."""
        yield self.work

    async def work(self, payload: Any, context: Any) -> Any:
        """Write the call down; fail or be killed where it is said."""
        name = context.node
        if self.said.get("before") == name:
            os.kill(os.getpid(), signal.SIGKILL)
        with (self.folder / "calls").open("a") as calls:
            calls.write(f"{name} {context.idempotency_key} {os.getpid()}\n")
        if self.said.get("behind") == name:
            os.kill(os.getpid(), signal.SIGKILL)
        if name in self.said.get("fails", ()):
            raise OSError(name)
        if self.said.get("fills") == name:
            fill(self.folder / self.said["within"])
        if self.said.get("waits") == name:
            (self.folder / "waiting").touch()
            await asyncio.sleep(60)
        return [name, *sorted(context.results)]

    def code(self, key: str) -> Code:
        """Return whose code it is."""
        return Code("child 1", self.said.get("code", ""))

    def keys(self) -> list[str]:
        """Return the only one."""
        return ["work"]


def fill(folder: Path) -> None:
    """Take all the room of a small file system."""
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


def order_of(folder: Path, said: dict[str, Any]) -> Callable[[str, Any], Order]:
    """Return what makes the order of a schedule, and may end its process meanwhile."""

    def order(workflow: str, payload: Any) -> Order:
        made = folder / "ticks"
        with made.open("a") as ticks:
            ticks.write(f"{workflow}\n")
        if said.get("tick_kills"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Order(workflow, dag_of(said["dag"]), payload, {"work": Code("child 1")})

    return order


async def main(folder: Path, said: dict[str, Any]) -> None:
    """Run what is said, and write down what became of it."""
    if "look" in said:
        vars(importlib.import_module("oneiric_lab.runtime._durable_engine"))["LOOK"] = said["look"]
    url = said.get("url")
    database = (
        Database(url) if url else Database.file(folder / said.get("within", "") / "workflows.db")
    )
    engine = DurableEngine(
        Tasks(folder, said),
        database,
        said.get("application", "oneiric-test"),
        accept=said.get("accept", False),
        every=0.05,
        schedules=said.get("schedules"),
        order_of=order_of(folder, said),
    )
    async with engine:
        for run_id in said["runs"]:
            order = Order("w", dag_of(said["dag"]), None, {"work": Code("child 1")})
            await engine.start(order, run_id)
        (folder / f"up-{os.getpid()}").touch()
        if said.get("stays"):
            await asyncio.sleep(said["stays"])
        for run_id in said.get("wait", said["runs"]):
            found = await engine.wait(run_id)
            while said.get("until_done") and not found.is_ended:
                await asyncio.sleep(0.05)
                found = await engine.wait(run_id)
            with (folder / "out").open("a") as out:
                out.write(json.dumps(found.as_dict()) + "\n")


def live(name: str) -> None:
    """Be a child whose folder is *name*."""
    folder = Path(name)
    said = json.loads((folder / "child.json").read_text())
    for old in ("out", "err"):
        (folder / old).unlink(missing_ok=True)
    while said.get("gate") and not (folder / "go").exists():
        time.sleep(0.005)
    try:
        asyncio.run(main(folder, said))
    except BaseException as error:  # noqa: BLE001 - the test reads it
        (folder / "err").write_text("".join(traceback.format_exception(error)))
        os._exit(1)
    os._exit(0)
