"""Which posts handlers have in hand: for whoever comes after a process that is killed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class InHand:
    """The numbers of the posts that are with a handler at this moment, in a small file.

    It is written and not synced, for the price of one system call: what a process wrote outlives
    it, and that a machine lost its power is no fault of an event. Where it cannot be written,
    nobody is blamed.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: Counter[int] = Counter()
        self._file: FileIO | None = None

    def begin(self, blame: Callable[[list[int]], object]) -> None:
        """Begin with none.

        Args:
            blame: Given the numbers that a killed process left, where one did.
        """
        with suppress(OSError, ValueError):
            # Behind the line may be what is left of a longer one.
            left = [int(text) for text in self._path.read_text().partition("\n")[0].split()]
            if left:
                blame(left)
        with suppress(OSError):
            self._file = FileIO(self._path, "w")

    def add(self, number: int) -> None:
        """A handler has this one from now on."""
        self._held[number] += 1
        self._write()

    def discard(self, number: int) -> None:
        """A handler has it no more."""
        self._held[number] -= 1
        if not self._held[number]:
            del self._held[number]
        self._write()

    def end(self) -> None:
        """End in order: nobody is to blame."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink()

    def _write(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.seek(0)
                self._file.write((" ".join(map(str, self._held)) + "\n").encode())
