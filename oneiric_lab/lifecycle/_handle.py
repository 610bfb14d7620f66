"""A component that is asked for often: what is in force stands in a slot."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

from ._lease import AskingThreadLease, Lease, ThreadLease

if TYPE_CHECKING:
    from ._slot import Slot


class LeaseHandle:
    """One component, asked for often.

    Attributes:
        current: The instance in force, for code that does not await while it uses it: a slot
            that every swap writes. Before the first activation and while the component is
            paused, reading it raises `NotActiveError` or `PausedError`.
    """

    __slots__ = ("__weakref__", "_need", "_slot", "current")

    current: Any

    def __init__(self, slot: Slot, need: frozenset[str]) -> None:
        self._slot, self._need = slot, need
        slot.handles.add(self)
        self.follow()

    def __repr__(self) -> str:
        return f"<Handle: {self._slot.target}>"

    def follow(self) -> None:
        """Write what is in force into the slot, or empty it; called at every change."""
        slot = self._slot
        found = slot.active
        if found is not None and slot.paused is None and self._need <= found.candidate.capabilities:
            self.current = found.instance
            self.__class__ = LeaseHandle
        elif self.__class__ is not EmptyHandle:
            # Nothing may read what is out of force.
            self.current = None
            del self.current
            self.__class__ = EmptyHandle

    @property
    def need(self) -> frozenset[str]:
        """Capabilities that what is in force must have."""
        return self._need

    def lease(self) -> Any:
        """Return what `async with` makes a lease of; see `Lifecycle.lease`."""
        found = self._slot.open
        if found is not None and not self._need and found.owner == get_ident():
            return found
        return Lease(self._slot, self._need)

    def lease_sync(self) -> Any:
        """Return what `with` makes a lease of, from any thread."""
        found = self._slot.open
        if found is not None and not self._need:
            if found.owner == get_ident():
                return found
            # `thread_lease`, written out: its call would be a fifth of a lease.
            lease = ThreadLease()
            lease.slot = self._slot
            return lease
        return AskingThreadLease(self._slot, self._need)


class EmptyHandle(LeaseHandle):
    """A handle while its slot is empty: who reads it is told why.

    It is a class of its own since `__getattr__` makes every read of a slot three times as
    slow, also where it is never reached.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name == "current":
            raise self._slot.closed_for()
        raise AttributeError(name)
