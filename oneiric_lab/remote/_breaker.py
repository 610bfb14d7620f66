"""A breaker for each host: who failed often is left alone for a while, then asked once."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oneiric_lab.errors import Fault, FetchError

from ._passing import PassingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class _Host:
    failures: int = 0
    opened: float | None = None
    probing: bool = False


class Breaker:
    """Closed, open after *threshold* failures in a row, half open after *reset* seconds.

    Half open, one request goes through; others are refused until it has ended. When it fails
    the breaker is open again for *reset* seconds, else closed.

    Args:
        threshold: Failures in a row.
        reset: Seconds.
        clock: Gives seconds that never go back; no wall clock counts here.
    """

    def __init__(
        self,
        threshold: int = 5,
        reset: float = 60.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold, self._reset, self._clock = threshold, reset, clock
        self._hosts: dict[str, _Host] = {}

    def state(self, host: str) -> Literal["closed", "open", "half-open"]:
        """Return what the next request to *host* meets."""
        found = self._hosts.get(host)
        if found is None or found.opened is None:
            return "closed"
        return "open" if self._clock() - found.opened < self._reset else "half-open"

    @contextmanager
    def guard(self, host: str) -> Iterator[None]:
        """Let the block ask *host*, and count how it ends.

        Only what can pass counts as a failure: who answers 404 is well. A block that was
        cancelled tells nothing.

        Raises:
            FetchError: With code `fetch-breaker`; the block did not run.
        """
        found = self._hosts.setdefault(host, _Host())
        if found.opened is not None:
            left = self._reset - (self._clock() - found.opened)
            if left > 0 or found.probing:
                raise FetchError(
                    Fault(
                        "fetch-breaker",
                        f"{host} failed {found.failures} times in a row and is left alone",
                        why=f"it is asked again in {left:.0f} s"
                        if left > 0
                        else "one request finds out whether it is well again",
                        fix="nothing was changed; wait, or look after that host",
                    )
                )
            found.probing = True
        try:
            yield
        except PassingError:
            self.failed(host)
            raise
        except FetchError:
            found.failures, found.opened = 0, None
            raise
        else:
            found.failures, found.opened = 0, None
        finally:
            found.probing = False

    def failed(self, host: str) -> None:
        """Count a failure of *host* that no block could tell, such as a deadline that passed."""
        found = self._hosts.setdefault(host, _Host())
        found.failures += 1
        if found.failures >= self._threshold:
            found.opened = self._clock()
