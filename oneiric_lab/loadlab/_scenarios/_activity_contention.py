"""Threads and processes that write to one store: nothing is lost, nobody is turned away."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from oneiric_lab.errors import StoreError
from oneiric_lab.loadlab._scenario import Scenario, invariant, op

from ._contender import Contender

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    f"from {Contender.__module__} import main; main(sys.argv[2])"
)
_KEPT = 10_000
_PATIENCE = 30.0


class ActivityContention(Scenario):
    """Wishes and activity from threads of this process and from processes of their own.

    Args:
        threads: Threads of this process that write.
        processes: Further processes that write.
        targets: Components that something is wished of.
        rows: Rows of activity in each transaction.
    """

    summary = "threads and processes write to one store"
    defaults: ClassVar[Mapping[str, Any]] = {"threads": 8, "processes": 2, "targets": 10, "rows": 5}

    async def setup(self) -> None:
        """Make the store's folder, start the processes and wait until each answers."""
        self.folder = tempfile.TemporaryDirectory(prefix="oneiric-load-")
        self.path = Path(self.folder.name) / ".oneiric"
        self.here = Contender(self.path)
        self.threads = ThreadPoolExecutor(self.p.threads)
        self.free: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
        self.going: set[asyncio.Task[None]] = set()
        self.wrong: dict[str, str] = {}
        self.back = 0
        package = Path(__file__).parents[3]
        self.others = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _CODE, str(package), str(self.path)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Ctrl-C goes to all processes of a terminal; who started these ends them.
                start_new_session=True,
            )
            for _ in range(self.p.processes)
        ]
        for other in self.others:
            await _asked(other, "d service:t0")
            self.free.put_nowait(other)

    async def teardown(self) -> None:
        """Let all that began end, and compare what was done with what is there."""
        if self.going:
            await asyncio.wait(self.going)
        self.threads.shutdown()
        facts = []
        try:
            facts.append(self.here.facts())
            facts += [await _asked(other, "q") for other in self.others]
            self._compare(facts)
        except (StoreError, OSError, ValueError) as error:
            self.wrong.setdefault("lost", f"a writer did not end well: {error}")
        finally:
            for other in self.others:
                await _ended(other)
            self.folder.cleanup()

    @op(weight=3)
    async def desire(self, rng: Random) -> None:
        """Wish something of a component, in a thread."""
        await self._in_thread(self.here.desire, f"service:t{rng.randrange(self.p.targets)}")

    @op(weight=3)
    async def journal(self, rng: Random) -> None:
        """Write rows of activity, in a thread."""
        await self._in_thread(self.here.write, self.p.rows)

    @op(weight=3)
    async def elsewhere(self, rng: Random) -> None:
        """Do one of the two in another process, where there is one."""
        line = f"j {self.p.rows}"
        if rng.random() < 0.5:  # noqa: PLR2004 - one of two
            line = f"d service:t{rng.randrange(self.p.targets)}"
        if not self.others:
            return
        other = await self.free.get()
        # Who is cancelled leaves no answer behind for the next one.
        task = asyncio.ensure_future(self._told(other, line))
        self.going.add(task)
        task.add_done_callback(self.going.discard)
        await asyncio.shield(task)

    @op(weight=1)
    async def ask(self, rng: Random) -> None:
        """Ask for the newest rows; what was there before must still be there."""
        before = sum(list(self.here.desires.values()))
        newest, wished = await self._in_thread(self._newest)
        self.back += wished < before or newest != sorted(newest, reverse=True)

    @invariant
    def no_update_is_lost(self) -> bool | str:
        """Every wish and every row that was written is there, once."""
        return self.wrong.get("lost", True)

    @invariant
    def numbers_keep_the_order_of_each_writer(self) -> bool | str:
        """What a thread of a process wrote later has the higher number."""
        return self.wrong.get("order", True)

    @invariant
    def the_last_wish_is_in_force(self) -> bool | str:
        """Of each component, it is the one with the highest number."""
        return self.wrong.get("force", True)

    @invariant
    def nobody_finds_it_locked(self) -> bool | str:
        """Writers wait for each other, and are not turned away."""
        return self.wrong.get("locked", True)

    @invariant
    def no_reader_goes_back(self) -> bool | str:
        """What was written before a question is in its answer."""
        return not self.back or f"{self.back} answers were older than what was written before"

    # --- inside -------------------------------------------------------------------------

    async def _in_thread(self, call: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, call, *args)

    def _newest(self) -> tuple[list[int], int]:
        rows = self.here.store.activity(20)
        wished = max((d.number for d in self.here.store.desired().values()), default=0)
        return [row.id for row in rows], wished

    async def _told(self, other: asyncio.subprocess.Process, line: str) -> None:
        try:
            answer = await _asked(other, line)
        except OSError:
            # An answer that comes after all must not be taken for another one's.
            with suppress(ProcessLookupError):
                other.kill()
            raise
        finally:
            self.free.put_nowait(other)
        if "error" in answer:
            raise RuntimeError(answer["error"])

    def _compare(self, facts: list[dict[str, Any]]) -> None:
        wishes = self.here.store.desires()
        rows = self.here.store.activity(_KEPT)[::-1]
        wished: dict[str, list[int]] = {}
        for wish in wishes:
            wished.setdefault(wish.who, []).append(int(wish.why))
        wrote: dict[str, list[int]] = {}
        for row in rows:
            wrote.setdefault(row.provider, []).append(row.incarnation or 0)
        asked = {who: n for fact in facts for who, n in fact["desires"].items()}
        added = {who: n for fact in facts for who, n in fact["rows"].items()}

        missing = Counter(asked)
        missing.subtract({who: len(found) for who, found in wished.items()})
        total, newest = sum(added.values()), rows[-1].id if rows else 0
        if any(missing.values()):
            said = ", ".join(f"{who} {n:+d}" for who, n in missing.items() if n)
            self.wrong["lost"] = f"wishes that are missing, by writer: {said}"
        elif newest != total or len(rows) != min(total, _KEPT):
            self.wrong["lost"] = f"{newest} rows of activity, {total} were written"
        disorder = sum(fact["disorder"] for fact in facts)
        disorder += sum(found != sorted(found) for found in (*wished.values(), *wrote.values()))
        if disorder:
            self.wrong["order"] = f"{disorder} times a later one had the lower number"
        # Of the rows that are kept, each writer's are its last ones.
        gaps = [
            w for w, n in wrote.items() if n != list(range(added[w] - len(n) + 1, added[w] + 1))
        ]
        if gaps:
            self.wrong.setdefault("lost", f"rows are missing among those of {', '.join(gaps)}")
        last = {wish.target: wish.number for wish in wishes}
        force = {wish.target: wish.number for wish in self.here.store.desired().values()}
        if last != force:
            self.wrong["force"] = f"{len(dict(last.items() ^ force.items()))} components differ"
        if locked := sum(fact["locked"] for fact in facts):
            self.wrong["locked"] = f"{locked} writers found the store locked"


async def _asked(other: asyncio.subprocess.Process, line: str) -> dict[str, Any]:
    if other.stdin is None or other.stdout is None:
        raise OSError("a process without pipes")
    other.stdin.write(f"{line}\n".encode())
    async with asyncio.timeout(_PATIENCE):
        answer = await other.stdout.readline()
    if not answer:
        raise OSError(f"process {other.pid} ended by itself")
    found: dict[str, Any] = json.loads(answer)
    return found


async def _ended(other: asyncio.subprocess.Process) -> None:
    if other.stdin is not None:
        other.stdin.close()
    try:
        async with asyncio.timeout(_PATIENCE):
            await other.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            other.kill()
        await other.wait()
