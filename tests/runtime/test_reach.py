"""Actions are called with a payload, and with what they may ask of the program."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import ActionError, UsageError
from oneiric_lab.registry import Candidate
from oneiric_lab.runtime import Calling, RetryPolicy, call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Program:
    """Stands for what an action may ask."""


REACH: Any = Program()


def called(instance: Any, payload: Any = 1, **how: Any) -> tuple[Any, int]:
    """Return what a component returned, and how often it was tried."""
    waits: list[float] = []

    @asynccontextmanager
    async def lease() -> AsyncIterator[Any]:
        """Give the component."""
        yield instance

    async def sleep(seconds: float) -> None:
        """Wait no time."""
        waits.append(seconds)

    calling = Calling("action:x", "one 1.0", **how)
    return asyncio.run(call(calling, lease, payload, REACH, sleep=sleep, lot=lambda: 0.0))


class TestCall:
    """However a component is written."""

    def test_functions_objects_and_coroutines_are_called_alike(self) -> None:
        """A function, a coroutine function, a callable object, one with `execute`."""

        async def later(payload: int) -> int:
            return payload + 1

        class Object:
            def __call__(self, payload: int) -> int:
                return payload + 1

        class Executes:
            async def execute(self, payload: int) -> int:
                return payload + 1

        for one in (lambda p: p + 1, later, Object(), Executes()):
            assert called(one) == (2, 1)

    def test_what_asks_for_the_program_gets_it(self) -> None:
        """By a parameter `reach`, wherever it stands."""

        class Asks:
            def __call__(self, payload: int, *, reach: Any) -> bool:
                return reach is REACH

            def execute(self, payload: int, reach: Any) -> bool:
                return reach is REACH

        def asks(payload: int, reach: Any = None) -> bool:
            return reach is REACH

        for one in (Asks(), Asks().execute, asks):
            assert called(one) == (True, 1)

    def test_builtins_are_called_too(self) -> None:
        """They tell nothing of their parameters."""
        assert called(str) == ("1", 1)
        assert called([].append) == (None, 1)

    def test_what_blocks_is_called_in_a_thread(self) -> None:
        """As its candidate declares."""
        thread = called(lambda p: threading.get_ident(), blocking=True)[0]

        assert thread != threading.get_ident()

    def test_an_attempt_that_fails_is_repeated(self) -> None:
        """As its policy says; what went wrong at last is the cause."""
        tries: list[int] = []

        def flaky(payload: int) -> str:
            tries.append(1)
            if len(tries) < 3:
                raise OSError("not yet")
            return "done"

        assert called(flaky, retry=RetryPolicy(3)) == ("done", 3)
        tries.clear()
        with pytest.raises(ActionError, match=r"action:x \(one 1.0\): OSError: not yet") as caught:
            called(flaky, retry=RetryPolicy(2))
        assert isinstance(caught.value.__cause__, OSError)

    def test_what_stays_wrong_is_not_repeated(self) -> None:
        """A payload that is none, or what is not allowed."""
        tries: list[int] = []

        def refuses(payload: int) -> None:
            tries.append(1)
            raise UsageError("no payload")

        with pytest.raises(UsageError):
            called(refuses, retry=RetryPolicy(5))
        assert len(tries) == 1

    def test_what_takes_too_long_is_ended(self) -> None:
        """Each attempt has its own time."""
        with pytest.raises(ActionError, match=r"took longer than 0\.01 s") as caught:
            called(lambda p: asyncio.sleep(60), timeout=0.01, retry=RetryPolicy(2))

        assert caught.value.code == "action-timeout"

    @pytest.mark.parametrize("error", [SystemExit, KeyError, RecursionError])
    def test_whatever_is_raised_is_an_error_of_ours(self, error: type[BaseException]) -> None:
        """sys.exit included."""

        def bad(payload: int) -> None:
            raise error

        with pytest.raises(ActionError):
            called(bad)

    def test_what_cannot_be_called_is_told(self) -> None:
        """With what to write."""
        with pytest.raises(ActionError, match="cannot be called"):
            called(7)


class TestCalling:
    """Where time and retries are said."""

    def test_a_manifest_or_the_metadata_say_them(self) -> None:
        """An entry's word stands above the metadata's."""
        entry = {"timeouts": {"call": 5}, "retry_policy": {"attempts": 4}}
        both = {"timeouts": {"call": 1, "build": 2}, "retry_policy": {"attempts": 2}}

        def calling(metadata: dict[str, Any]) -> Calling:
            return Calling.of(
                Candidate("action", "x", "one", dict, version="1.0", metadata=metadata)
            )

        assert calling({}) == Calling("action:x", "one 1.0")
        assert (calling(both).timeout, calling(both).retry.attempts) == (1, 2)
        found = calling({**both, "entry": entry})
        assert (found.timeout, found.retry.attempts) == (5, 4)
