"""Layered files that are edited while they are read: no torn view, no lost edit."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from oneiric_lab.errors import OneiricError
from oneiric_lab.files import watch, write_atomic
from oneiric_lab.loadlab._scenario import Scenario, invariant, op

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from oneiric_lab.errors import Fault

LAYERS = {"project": "oneiric.toml", "storm": "oneiric.storm.toml", "local": "oneiric.local.toml"}
"""Name to file, low to high; `storm` is a profile."""
_SPOILED = ("[view\n", "seen = 3\n", "[lifecycle]\ndrain_timeout = 'soon'\n")
"""No TOML; a value that meets a table; a value of another type."""


class ConfigReloadStorm(Scenario):
    """Edits of three layers, good ones and bad ones, each awaited until it is seen.

    Args:
        edit_rate: Edits a second.
        spoil_rate: Bad edits a second; other edits wait until each is mended.
        within: Seconds in which an edit must be seen, and a fault told.
        interval: Seconds between two looks where the system tells of no change.
    """

    summary = "edit layered files among readers, badly now and then"
    defaults: ClassVar[Mapping[str, Any]] = {
        "edit_rate": 10.0,
        "spoil_rate": 1.0,
        "within": 2.0,
        "interval": 0.25,
    }

    async def setup(self) -> None:
        """Write the three files into a folder of their own, and follow them."""
        from oneiric_lab.config import Inputs, load  # noqa: PLC0415 - brings pydantic

        self.folder = tempfile.TemporaryDirectory(prefix="oneiric-load-")
        self.root = Path(self.folder.name)
        self.numbers = dict.fromkeys(LAYERS, 0)
        self.torn = self.late = self.lost = self.unreported = self.back = 0
        self.faults: tuple[Fault, ...] = ()
        self.waiting: list[tuple[str, int, asyncio.Future[None]]] = []
        self.told = asyncio.Event()
        self.writing = asyncio.Lock()
        # One thread: what is written later stands later, whoever was cancelled meanwhile.
        self.writer = ThreadPoolExecutor(1)
        for layer in LAYERS:
            await self._write(layer, view=True)
        self.inputs = Inputs(self.root, profiles=("storm",))
        self.load = load
        self.snapshot = load(self.inputs)
        self.follower = asyncio.ensure_future(self._follow())
        # Its first look comes in its first step: what is written from here on is a change.
        await asyncio.sleep(0)

    async def teardown(self) -> None:
        """Wait for what was written last, and take the folder away."""
        await asyncio.get_running_loop().run_in_executor(self.writer, int)
        with suppress(TimeoutError):
            await self._settled()
        self.follower.cancel()
        with suppress(asyncio.CancelledError):
            await self.follower
        self.writer.shutdown()
        self.folder.cleanup()

    @op()
    async def read(self, rng: Random) -> None:
        """Read values of one snapshot, with pauses between them, and compare their checksum."""
        snapshot = self.snapshot
        view = snapshot.config.view
        owner, number = view.owner, snapshot.value("view.number")
        await asyncio.sleep(0)
        text = view.text
        await asyncio.sleep(0)
        self.torn += snapshot.value("view.sum") != _sum(owner, number, text)

    @op(rate="edit_rate")
    async def edit(self, rng: Random) -> None:
        """Write one layer, and wait until a snapshot holds it."""
        async with self.writing:
            layer = rng.choice(tuple(LAYERS))
            number = await self._write(layer, view=layer == "project" or rng.random() < 0.7)  # noqa: PLR2004 - else a lower layer shows
        await self._seen(layer, number)

    @op(rate="spoil_rate")
    async def spoil(self, rng: Random) -> None:
        """Write what cannot be loaded, wait until it is told, and mend it."""
        async with self.writing:
            await self._settled()
            layer, good = rng.choice(tuple(LAYERS)), self.snapshot
            self.faults = ()
            try:
                await self._save(layer, rng.choice(_SPOILED))
                self.unreported += not await self._reported(LAYERS[layer])
                self.lost += self.snapshot.tree != good.tree
            finally:
                mended = self._write(layer, view=True)
            number = await mended
        await self._seen(layer, number)

    @invariant
    def no_view_is_torn(self) -> bool | str:
        """Values that are read from one snapshot were written together."""
        return not self.torn or f"{self.torn} views mixed what was not written together"

    @invariant
    def every_edit_is_seen_in_time(self) -> bool | str:
        """A good edit, the last one too, is in force within the parameter `within`."""
        return not self.late or f"{self.late} edits were not seen within {self.p.within:g} s"

    @invariant
    def no_edit_is_taken_back(self) -> bool | str:
        """A snapshot holds no older edit of any layer than the one before."""
        return not self.back or f"{self.back} snapshots held an older edit than the one before"

    @invariant
    def a_bad_edit_changes_nothing(self) -> bool | str:
        """The last good snapshot stays in force."""
        return not self.lost or f"{self.lost} bad edits changed what is in force"

    @invariant
    def a_bad_edit_is_told(self) -> bool | str:
        """Its fault names its file, within the parameter `within`."""
        return not self.unreported or f"{self.unreported} bad edits were told by no fault"

    # --- inside -------------------------------------------------------------------------

    async def _follow(self) -> None:
        paths = [self.root / name for name in LAYERS.values()]
        async with aclosing(watch(paths, interval=self.p.interval)) as changes:
            async for _ in changes:
                await self._reload()

    async def _reload(self) -> None:
        before = self.snapshot
        try:
            after = await asyncio.to_thread(self.load, self.inputs, previous=before)
        except OneiricError as error:
            self.faults = error.faults
        else:
            seen = {layer: after.value(f"seen.{layer}") for layer in LAYERS}
            self.back += any(n < before.value(f"seen.{layer}") for layer, n in seen.items())  # type: ignore[operator]  # our own numbers
            self.snapshot = after
            for layer, number, waiter in self.waiting:
                if seen[layer] >= number and not waiter.done():  # type: ignore[operator]  # our own numbers
                    waiter.set_result(None)
        self.told.set()

    def _write(self, layer: str, *, view: bool) -> asyncio.Future[int]:
        """Begin to write the next number to *layer*; cancelled or not, it is written."""
        self.numbers[layer] += 1
        number = self.numbers[layer]
        lines = ["[seen]", f"{layer} = {number}"]
        if view:
            text = f"said by {layer}, " + "x" * (number % 100)
            total = _sum(layer, number, text)
            lines += ["[view]", f'owner = "{layer}"', f"number = {number}", f'text = "{text}"']
            lines += [f"sum = {total}"]
        saved = self._save(layer, "\n".join(lines) + "\n")

        async def wait() -> int:
            await saved
            return number

        return asyncio.ensure_future(wait())

    def _save(self, layer: str, text: str) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        path, data = self.root / LAYERS[layer], text.encode()
        return loop.run_in_executor(self.writer, write_atomic, path, data)

    async def _seen(self, layer: str, number: int) -> None:
        if self.snapshot.value(f"seen.{layer}") >= number:  # type: ignore[operator]  # our own numbers
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one = (layer, number, waiter)
        self.waiting.append(one)
        try:
            async with asyncio.timeout(self.p.within):
                await waiter
        except TimeoutError:
            self.late += 1
            raise
        finally:
            self.waiting.remove(one)

    async def _settled(self) -> None:
        for layer, number in list(self.numbers.items()):
            await self._seen(layer, number)

    async def _reported(self, name: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.p.within):
                # Where two files contradict each other, both are named, one of them as the place.
                while not any(name in line for fault in self.faults for line in fault.lines()):
                    self.told.clear()
                    await self.told.wait()
                return True
        return False


def _sum(owner: object, number: object, text: object) -> int:
    return crc32(f"{owner}:{number}:{text}".encode())
