"""Secrets that a process holds: as old as they may be, and the old ones of who still drains.

A secret is asked for where it is. What a file or a variable has is looked at each time; what
a provider elsewhere gave is kept for a time. A provider that is down leaves its last value in
force until that is too old, then there is none: a secret that may have been revoked long ago
is not used for ever.

Each value has a *version*: a keyed digest of it, so that two processes of a workspace name it
the same and nobody can try guesses against it. An incarnation is built with versions, and
what it reveals are those: the old value of a rotated secret serves it until it has ended, and
for a time after it was replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.config import SecretRef
from oneiric_lab.errors import Fault, SecretError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneiric_lab.config import FoundSecret, SecretSource

RETRY: Final = 5.0
"""Seconds for which a provider that is down, or has no such secret, is not asked again."""
SHORTEST: Final = 4
"""Characters of a secret that is looked for in texts; shorter ones are in any text."""

OUTCOMES = ("rotated", "failed")

Version = str
Stamp = tuple[tuple[str, "Version | None"], ...]
"""Which versions of which secrets something was built with, by name."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long secrets are kept, in seconds.

    Attributes:
        keep: What a provider elsewhere gave, before it is asked again.
        limit: The last value of a provider that is down.
        overlap: A rotated value, once nothing in force uses it.
    """

    keep: float = 600.0
    limit: float = 3600.0
    overlap: float = 300.0


@dataclass(frozen=True, slots=True)
class Rotation:
    """A secret that has another value.

    Attributes:
        name: Of the secret.
        provider: Who has it.
        old: Version that was in force.
        new: Version that is.
        at: Seconds since 1970.
    """

    name: str
    provider: str
    old: Version
    new: Version
    at: float


@dataclass(frozen=True, slots=True)
class SecretState:
    """What may be told of a secret.

    Attributes:
        name: Of the secret.
        provider: Who has it; empty where nobody does.
        version: Of the value in force, None for none.
        since: When this process first met that version, seconds since 1970.
        age: Seconds since its provider confirmed it.
        down: Why its provider could not be asked; empty where it could.
        rotations: How often it changed in this process.
        rotated: When it did last, or None.
        draining: Old versions that still serve somebody.
    """

    name: str
    provider: str
    version: Version | None
    since: float | None
    age: float | None
    down: str
    rotations: int
    rotated: float | None
    draining: int

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON shape; no part of it is made of the value but the keyed version."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True, repr=False)
class _Old:
    text: str
    until: float = math.inf


@dataclass(slots=True, repr=False)
class _Held:
    provider: str = ""
    text: str | None = None
    version: Version | None = None
    is_elsewhere: bool = False
    is_wanted: bool = False
    """Whether it is asked for at the next look, however long it is kept."""
    is_here: Callable[[], bool] = lambda: True
    """Whether the place that it came from is there: a folder that is gone is down."""
    since: float = 0.0
    checked: float = -math.inf
    tried: float = -math.inf
    down: str = ""
    rotations: int = 0
    rotated: float | None = None
    older: dict[Version, _Old] = field(default_factory=dict)


class SecretKeeper:
    """Finds secrets for a process, and knows their versions; any thread may ask.

    `Inputs(keep_secrets=keeper.find)` puts it between a workspace and its providers.

    Args:
        key: Gives the key of the versions, when the first is made.
        times: Gives how long what is kept.
        clock: Gives seconds since 1970.
        elapsed: Gives seconds that never go back.

    Attributes:
        rotations: How often secrets changed, or could not be had, by provider and outcome.
        in_use: Gives the versions with which what is in force was built.
        tell: Called with each new value before anybody has it, as by a log that must hide it.

    Example:
        >>> from oneiric_lab.config import SecretSource
        >>> environ = {"ONEIRIC_SECRET_DB": "hunter22"}
        >>> keeper = SecretKeeper(lambda: b"key")
        >>> source = SecretSource(environ, keep=keeper.find)
        >>> old = keeper.pin(source.ref("db"))
        >>> environ["ONEIRIC_SECRET_DB"] = "hunter23"
        >>> source.find("db"), old.find(), [(r.name, r.provider) for r in keeper.taken()]
        ('hunter23', 'hunter22', [('db', 'environment')])
    """

    def __init__(
        self,
        key: Callable[[], bytes],
        times: Callable[[], Times] = Times,
        *,
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rotations: Counter[tuple[str, str]] = Counter()
        self.in_use: Callable[[], Iterable[tuple[str, Version | None]]] = tuple
        self.tell: Callable[[str], object] = len
        self._key, self._times = key, times
        self._clock, self._elapsed = clock, elapsed
        self._held: dict[str, _Held] = {}
        self._fresh: list[Rotation] = []
        # Providers may ask for a secret of their own.
        self._lock = RLock()

    # --- values -------------------------------------------------------------------------

    def find(self, source: SecretSource, name: str) -> str | None:
        """Return the value of a secret as it is now, or None where nobody has it.

        Raises:
            SecretError: Its provider is down for longer than the last value may serve, or
                was never up.
        """
        with self._lock:
            held, now = self._held.setdefault(name, _Held()), self._elapsed()
            wanted, held.is_wanted = held.is_wanted, False
            if held.is_elsewhere and not wanted:
                if held.text is not None and now - held.checked < self._times().keep:
                    return held.text
                if held.down and now - held.tried < RETRY:
                    return self._in_spite(name, held)
            held.tried = now
        # Not under the lock: others must not wait for a provider that takes long.
        found, why = None, ""
        try:
            found = source.look(name)
        except SecretError as error:
            why = error.faults[0].message
        except Exception as error:  # noqa: BLE001 - a provider raises what it likes
            # Its text may hold the secret, or a part of it: only its kind is told.
            why = type(error).__name__
        if why:
            # Not in the handler: the error there would be the context of ours.
            return self._fails(name, held, why)
        with self._lock:
            if found is not None:
                self._take(name, held, found)
                held.is_elsewhere = source.is_elsewhere(found)
                return found.text
            if held.text is None or held.is_here():
                # Somebody took it away: that holds at once.
                held.text = held.version = None
                held.down = ""
                return None
        return self._fails(name, held, "the place that had it is gone")

    def texts(self) -> tuple[str, ...]:
        """Return every value that is kept now, for who must hide them."""
        with self._lock:
            kept = [held.text for held in self._held.values()]
            kept += [old.text for held in self._held.values() for old in held.older.values()]
        return tuple(text for text in kept if text is not None)

    def _fails(self, name: str, held: _Held, why: str) -> str:
        with self._lock:
            if not held.down:
                self.rotations[held.provider or "unknown", "failed"] += 1
            held.down = why
            return self._in_spite(name, held)

    def _in_spite(self, name: str, held: _Held) -> str:
        """Return the last value, as long as it may serve."""
        if held.text is not None and self._elapsed() - held.checked <= self._times().limit:
            return held.text
        raise SecretError(
            Fault(
                "secret-down",
                f"the secret `{name}` cannot be had: its provider is down",
                why=held.down
                + ("" if held.text is None else "; its last value is too old to be used"),
                fix="secrets status shows since when; bring the provider back",
            )
        )

    def _take(self, name: str, held: _Held, found: FoundSecret) -> None:
        version = self.version_of(name, found.text)
        now = self._clock()
        if held.version != version:
            self.tell(found.text)
        if held.version is not None and held.version != version and held.text is not None:
            held.older[held.version] = _Old(held.text)
            held.rotations += 1
            held.rotated = now
            self.rotations[found.provider, "rotated"] += 1
            self._fresh.append(Rotation(name, found.provider, held.version, version, now))
        if held.version != version:
            held.since = now
            # One that came back is in force again.
            held.older.pop(version, None)
        held.text, held.version, held.provider, held.down = found.text, version, found.provider, ""
        held.checked = self._elapsed()
        place = found.place
        held.is_here = (lambda: True) if place is None else place.exists

    # --- versions -----------------------------------------------------------------------

    def version_of(self, name: str, text: str) -> Version:
        """Return the version of a value: 12 hex digits of a keyed digest."""
        data = name.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
        return hmac.new(self._key(), data, hashlib.sha256).hexdigest()[:12]

    def version(self, ref: SecretRef) -> Version | None:
        """Return the version in force of a secret; None where there is none.

        It is asked for only where it was never found, and then not more often than every five
        seconds.
        """
        with self._lock:
            held = self._held.get(ref.id)
            if held is not None and (
                held.version is not None or self._elapsed() - held.tried < RETRY
            ):
                return held.version
            try:
                text = ref.find()
            except SecretError:
                return None
            held = self._held.get(ref.id)
            if held is not None:
                return held.version
            # A literal: nobody keeps it.
            return None if text is None else self.version_of(ref.id, text)

    def pin(self, ref: SecretRef) -> SecretRef:
        """Return a reference to the version that is in force now, whatever comes later."""
        version = self.version(ref)
        return SecretRef(ref.id, lambda: self._pinned(ref, version))

    def _pinned(self, ref: SecretRef, version: Version | None) -> str | None:
        text = ref.find()
        with self._lock:
            held = self._held.get(ref.id)
            if version is None or held is None or held.version in {None, version}:
                return text
            self._forget(held, ref.id)
            old = held.older.get(version)
            if old is not None:
                return old.text
        raise SecretError(
            Fault(
                "secret-rotated",
                f"the secret `{ref.id}` was rotated, and its old value serves no longer",
                why="who holds it was replaced longer ago than secrets.overlap_seconds",
                fix="take a new lease: what is in force has the new value",
            )
        )

    def _forget(self, held: _Held, name: str) -> None:
        used, now = set(self.in_use()), self._elapsed()
        for version, old in list(held.older.items()):
            if (name, version) in used:
                old.until = math.inf
            elif old.until == math.inf:
                old.until = now + self._times().overlap
            elif now >= old.until:
                del held.older[version]

    # --- rotation -----------------------------------------------------------------------

    def refresh(self, refs: Iterable[SecretRef], *, force: bool = False) -> None:
        """Look for each secret again; what changed is a rotation.

        Args:
            refs: The secrets.
            force: Whether those that are kept are asked for as well.
        """
        for ref in refs:
            with self._lock:
                held = self._held.get(ref.id)
                if force and held is not None:
                    held.is_wanted = True
            try:
                ref.find()
            except SecretError:
                continue  # told by its state
        with self._lock:
            for name, held in self._held.items():
                self._forget(held, name)

    def taken(self) -> list[Rotation]:
        """Return the rotations since this was asked last, the oldest first."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            return fresh

    # --- what may be told ---------------------------------------------------------------

    def states(self) -> dict[str, SecretState]:
        """Return what may be told of each secret that was asked for, by its name."""
        with self._lock:
            now = self._elapsed()
            return {
                name: SecretState(
                    name,
                    held.provider,
                    held.version,
                    held.since if held.version else None,
                    now - held.checked if held.version else None,
                    held.down,
                    held.rotations,
                    held.rotated,
                    len(held.older),
                )
                for name, held in sorted(self._held.items())
            }

    def counts(self) -> dict[str, Any]:
        """Return what a scrape wants: rotations by provider and outcome, ages by name."""
        ages = {n: s.age for n, s in self.states().items() if s.age is not None}
        return {"rotations": dict(self.rotations), "ages": ages}

    def redact(self, text: str) -> str:
        """Return *text* with every secret of this process replaced by its name."""
        with self._lock:
            known: dict[str, str] = {}
            for name, held in self._held.items():
                for value in (held.text, *(old.text for old in held.older.values())):
                    if value is not None and len(value) >= SHORTEST:
                        known[value] = name
        # The longest first: one may be a part of another.
        for value in sorted(known, key=len, reverse=True):
            if value in text:
                text = text.replace(value, f"secret:{known[value]}")
        return text


def references(said: Mapping[str, Any]) -> list[SecretRef]:
    """Return the references to secrets in *said*, in tables and lists, too."""
    out: list[SecretRef] = []
    _walk(said, out.append)
    return out


def pinned(said: Mapping[str, Any], pin: Callable[[SecretRef], SecretRef]) -> dict[str, Any]:
    """Return *said* with each reference as *pin* gives it."""
    return {key: _walk(value, pin) for key, value in said.items()}


def _walk(value: Any, see: Callable[[SecretRef], Any]) -> Any:
    ref = value if isinstance(value, SecretRef) else getattr(value, "ref", None)
    if isinstance(value, SecretRef):
        return see(value)
    if isinstance(ref, SecretRef):
        return see(ref)  # a `Secret`: validated again where it is used
    if isinstance(value, dict):
        return {key: _walk(inner, see) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, see) for inner in value]
    return value
