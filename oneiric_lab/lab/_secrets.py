"""The room of secrets: which there are, how old, and how they are rotated."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from anyio import to_thread

from oneiric_lab.config import render_path
from oneiric_lab.errors import Fault, SecretError, StoreError, UsageError, did_you_mean
from oneiric_lab.runtime import references

from ._said import settings_of
from ._secret_results import Rotated, SecretList, SecretStanding, SecretUse
from ._standing import ALIVE
from ._writing import _who

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneiric_lab.config import SecretRef, Settings, Snapshot
    from oneiric_lab.registry import Registry
    from oneiric_lab.runtime import Rotation
    from oneiric_lab.store import Entry, ProcessState, Store

    from ._keeping import Keeping
    from ._running import Running

_SHOWN = 20
VERB = "rotate"


class Holder(Protocol):
    """The lab, as its secrets see it."""

    store: Store
    snapshot: Snapshot
    settings: Settings
    registry: Registry
    problems: tuple[Fault, ...]


class Secrets:
    """The secrets of a workspace; `lab.secrets` is one. No part of it ever shows a value."""

    def __init__(self, lab: Holder, keeping: Keeping, running: Any) -> None:
        self._lab, self._keeping = lab, keeping
        self._running: Any = running
        self._seen: int | None = None
        """Number of the last request that was looked at."""

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._keeping.refs())}>"

    # --- questions ----------------------------------------------------------------------

    def list(self) -> SecretList:
        """Return the secrets that values and components refer to, and who has them."""
        refs = self._keeping.refs()
        versions = {name: self._version(ref) for name, ref in refs.items()}
        states = self._keeping.keeper.states()
        values = self._values()
        consumers = self._consumers(refs)
        rows = []
        for name in sorted(refs):
            held = states.get(name)
            provider = held.provider if held is not None else "literal"
            if not versions[name]:
                provider = ""
            rows.append(
                SecretUse(
                    name, provider, versions[name], values.get(name, ()), consumers.get(name, ())
                )
            )
        return SecretList(tuple(rows))

    def status(self, name: str | None = None) -> SecretStanding:
        """Return how secrets stand in this process and those that listen, and who rotated them.

        Args:
            name: Of the secret; None is every one.

        Raises:
            UsageError: Nobody names such a secret.
        """
        self._refs(name)
        run: Running | None = self._running()
        rows: list[tuple[int, str, Mapping[str, Any]]] = []
        processes = self._lab.store.processes(ALIVE)
        if run is not None and run.life.known_loop() is not None:
            own = run.process()
            processes = [own, *(p for p in processes if p.id != own.id)]
        for process in processes:
            rows += [
                (process.pid, process.host, state)
                for state in process.state.get("secrets", ())
                if name in {None, state["name"]}
            ]
        rows.sort(key=lambda row: (row[2]["name"], row[0]))
        entries = [e for e in self._rotations() if name is None or _is_about(e, name)]
        return SecretStanding(tuple(rows), tuple(entries[:_SHOWN]))

    def counts(self) -> dict[str, Any]:
        """Return what a scrape wants: rotations by provider and outcome, ages by name."""
        return self._keeping.keeper.counts()

    # --- rotation -----------------------------------------------------------------------

    def rotate(self, name: str | None = None) -> Rotated:
        """Look for secrets anew; every process that watches does so too, within a second.

        What is built with one that changed is swapped, health-checked, by `lab.watch` or
        `lab.reconcile`; `await lab.secrets.async_rotate()` does so here at once.

        Args:
            name: Of the secret; None is every one.

        Raises:
            UsageError: Nobody names such a secret.
        """
        refs = self._refs(name)
        keeper = self._keeping.keeper
        before = self._before(refs)
        keeper.refresh(refs.values(), force=True)
        states = keeper.states()
        faults, rows = {}, []
        for one in sorted(refs):
            version, provider, held = self._version(refs[one]), "literal", states.get(one)
            if held is not None:
                provider = held.provider
                if held.down:
                    faults[one] = held.down
            if version is None and one not in faults:
                faults[one] = "no provider has it"
            rows.append((one, provider, before.get(one), version))
        keeper.taken()
        # Also what could not be had here: another process may reach who has it.
        self._record(rows, asked=True)
        listening = [p for p in self._lab.store.processes(ALIVE) if not self._is_own(p)]
        return Rotated(tuple(rows), faults, listening=len(listening))

    async def async_rotate(self, name: str | None = None) -> Rotated:
        """Look for secrets anew, and swap here what is built with one that changed."""
        from dataclasses import replace  # noqa: PLC0415 - one call

        done = await to_thread.run_sync(partial(self.rotate, name))
        run: Running | None = self._running()
        if run is None or run.life.known_loop() is None:
            return done
        return replace(done, swaps=tuple(await run.follow()))

    def look(self, *, force: Iterable[str] | None = None) -> tuple[Rotation, ...]:
        """Look for all secrets; return, and write down, those that changed since the last look.

        Args:
            force: Those that are asked for though they are kept; None is none.
        """
        refs = self._keeping.refs()
        keeper = self._keeping.keeper
        names = set(force or ())
        keeper.refresh([ref for name, ref in refs.items() if name in names], force=True)
        keeper.refresh(refs.values())
        found = tuple(keeper.taken())
        if found:
            self._record([(r.name, r.provider, r.old, r.new) for r in found])
        return found

    def asked(self) -> tuple[str, ...] | None:
        """Return the secrets that somebody asked to look for since this was asked last."""
        entries = self._rotations()
        last = max((e.id for e in entries), default=0)
        seen, self._seen = self._seen, last
        if seen is None:
            return None  # what was asked before this process began
        found = {c["path"].partition(":")[2] for e in entries if e.id > seen for c in e.changes}
        return tuple(sorted(found)) or None

    # --- inside -------------------------------------------------------------------------

    def _refs(self, name: str | None) -> dict[str, SecretRef]:
        refs = self._keeping.refs()
        if name is None:
            return refs
        if name not in refs:
            raise UsageError(
                Fault(
                    "unknown-secret",
                    f"nobody refers to a secret `{name}`",
                    fix=did_you_mean(name, refs) or "secrets list shows those that there are",
                )
            )
        return {name: refs[name]}

    def _version(self, ref: SecretRef) -> str | None:
        try:
            ref.find()
        except SecretError:
            return None
        return self._keeping.keeper.version(ref)

    def _before(self, refs: Mapping[str, SecretRef]) -> dict[str, str | None]:
        """Return the versions that were in force: here, in who listens, or in the history."""
        found: dict[str, str | None] = {}
        for entry in reversed(self._rotations()):
            for change in entry.changes:
                found[change["path"].partition(":")[2]] = change["new"]
        for process in self._lab.store.processes(ALIVE):
            for state in process.state.get("secrets", ()):
                found[state["name"]] = state["version"] or found.get(state["name"])
        for name, state in self._keeping.keeper.states().items():
            if state.version and self._running() is not None:
                found[name] = state.version
        return {name: found.get(name) for name in refs}

    def _record(
        self, rows: Sequence[tuple[str, str, str | None, str | None]], *, asked: bool = False
    ) -> None:
        """Write down who rotated what; a rotation that another process wrote down is known."""
        known = {(c["path"], c["new"]) for e in self._rotations() for c in e.changes}
        news = [row for row in rows if asked or (f"secret:{row[0]}", row[3]) not in known]
        if not news:
            return
        fresh = [
            {"path": f"secret:{name}", "old": old, "new": new, "provider": provider}
            for name, provider, old, new in news
        ]
        told = [
            f"{name}: {old} -> {new}"
            if old and new and old != new
            else f"{name}: {new or 'asked for'}"
            for name, _, old, new in news
        ]
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""  # noqa: PLR2004 - a line
        summary = ", ".join(told[:3]) + more
        try:
            self._lab.store.record(VERB, "secrets", summary, who=_who(), changes=fresh)
        except StoreError as error:
            codes = {fault.code for fault in self._lab.problems}
            new = tuple(f for f in error.faults if f.code not in codes)
            self._lab.problems = (*self._lab.problems, *new)

    def _rotations(self) -> tuple[Entry, ...]:
        found = self._lab.store.history(200)
        return tuple(e for e in found if e.verb == VERB and e.layer == "secrets")

    def _is_own(self, process: ProcessState) -> bool:
        run: Running | None = self._running()
        return run is not None and process.id == run.process().id

    def _values(self) -> dict[str, tuple[str, ...]]:
        out: dict[str, tuple[str, ...]] = {}
        for path, ref in _places(self._lab.snapshot.tree, ()):
            out[ref.id] = (*out.get(ref.id, ()), render_path(path))
        return out

    def _consumers(self, refs: Mapping[str, SecretRef]) -> dict[str, tuple[str, ...]]:
        out: dict[str, tuple[str, ...]] = {}
        for target, candidate in self._lab.registry.current.winners().items():
            said = settings_of(self._lab.settings, candidate)
            needs = {*candidate.requires_secrets, *(ref.id for ref in references(said))}
            for name in sorted(needs & set(refs)):
                out[name] = (*out.get(name, ()), target)
        return out


def _places(value: Any, path: tuple[Any, ...]) -> Iterable[tuple[tuple[Any, ...], SecretRef]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*path, index))
    else:
        for ref in references({"": value}):
            yield path, ref


def _is_about(entry: Entry, name: str) -> bool:
    return any(change["path"] == f"secret:{name}" for change in entry.changes)
