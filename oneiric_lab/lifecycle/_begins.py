"""How incarnations of one component begin: built, probed, and asked for by the hooks.

Nobody sees one before it is in force; what went wrong on the way is aborted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from anyio import get_current_task

from oneiric_lab.errors import OneiricError

from ._build import NOTHING, build, parameters_of
from ._ends import Ends
from ._health import unhealthy
from ._incarnation import Incarnation, State
from ._limits import called, within
from ._wish import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.registry import Candidate

    from ._host import Host


class Begins(Ends):
    """What is in force, and all ways to the next one.

    Attributes:
        active: What is in force.
        next: What is being prepared, until it is in force, lent or aborted.
    """

    def __init__(self, life: Host, domain: str, key: str) -> None:
        super().__init__(life, domain, key)
        self.active: Incarnation | None = None
        self.next: Incarnation | None = None
        self._number = 0

    async def activate_required(
        self, candidate: Candidate, *, skip: frozenset[str] = frozenset()
    ) -> None:
        """Bring into force what *candidate* requires, but for *skip*.

        Raises:
            StepError: One of them could not be.
        """
        for target in candidate.requires:
            if target in skip:
                continue
            slot = self.life.slot_of(target)
            if slot.lock.statistics().owner == get_current_task():
                # The registry refuses cycles, but not of candidates that are asked for by name.
                raise StepError(f"requires {target}", "which is being built for this one: a cycle")
            try:
                # Under the limit of a build: another task may wait for this one.
                await within(self.life.limits.build, slot.ready(frozenset()))
            except TimeoutError as error:
                raise StepError(f"requires {target}", str(error)) from error
            except OneiricError as error:
                raise StepError(f"requires {target}", error.faults[0].message) from error

    async def prepare(
        self,
        candidate: Candidate,
        *,
        skip: frozenset[str] = frozenset(),
        beside: Mapping[str, Incarnation] = NOTHING,
        settings: Callable[[Candidate], Mapping[str, Any]] | None = None,
    ) -> Incarnation:
        """Return a new incarnation, built and found healthy, that no one can see yet.

        Args:
            candidate: What to build.
            skip: Required components that need not be brought into force first.
            beside: Those that come into force together with it.
            settings: Gives its settings; None asks the lifecycle.

        Raises:
            StepError: It could not be; what was built was aborted.
        """
        self._number += 1
        next_ = self.next = Incarnation(self.target, self._number, candidate, self.life.loop())
        limits = self.life.limits
        stage, ready = "build", False
        started = time.perf_counter_ns()
        try:
            if candidate.requires:
                await self.activate_required(candidate, skip=skip)
            next_.given = given = (settings or self.life.settings)(candidate)
            needs = self._pinned(next_, beside) if candidate.requires else NOTHING
            built = await within(limits.build, build(candidate, given, needs, self.life.context))
            next_.built, next_.instance = built, built.instance
            stage, next_.state = "health", State.probing
            check = built.health
            if check is not None:
                _refuse("health", unhealthy(await called(limits.health, check), next_.number))
            stage = "pre_swap"
            for hook in self.life.hooks("pre_swap"):
                vetoed = await called(limits.hook, hook, next_, self.active) is False
                _refuse("pre_swap", f"{name_of(hook)} said no" if vetoed else None, refused=True)
            next_.prepared_ns = time.perf_counter_ns() - started
            ready = True
        except StepError:
            raise
        except TimeoutError as error:
            raise StepError(stage, str(error) or "took too long") from error
        except Exception as error:
            why = error.faults[0].message if isinstance(error, OneiricError) else None
            raise StepError(stage, why or f"{type(error).__name__}: {error}") from error
        finally:
            if not ready:
                await self.abort(next_)
        return next_

    async def abort(self, next_: Incarnation) -> None:
        """End an incarnation that never was in force."""
        if self.next is next_:
            self.next = None
        await super().abort(next_)

    def _pinned(self, next_: Incarnation, beside: Mapping[str, Incarnation]) -> Mapping[str, Any]:
        """Return what the factory of *next_* is given, held to its end."""
        needs = {}
        for name, target in parameters_of(next_.candidate).items():
            used = beside.get(target) or self.life.slot_of(target).active
            if used is None:  # taken out of force since
                raise StepError(f"requires {target}", "it is not active")
            needs[name] = next_.pin(used)
        return needs


def _refuse(stage: str, why: str | None, *, refused: bool = False) -> None:
    if why is not None:
        raise StepError(stage, why, refused=refused)


def name_of(call: Any) -> str:
    """Return how a message calls a function, or an object that is called like one."""
    return str(getattr(call, "__qualname__", type(call).__name__))
