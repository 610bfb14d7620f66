"""The secrets of one workspace in this process: who keeps them, and under which key."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import local
from typing import TYPE_CHECKING, Any, Final, Protocol

from oneiric_lab.config import based_at, secret_source
from oneiric_lab.registry import load_factory, load_named
from oneiric_lab.runtime import SecretKeeper, Times, pinned, references
from oneiric_lab.store import make_folder

from ._said import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oneiric_lab.config import SecretRef, SecretSource, Settings, Snapshot
    from oneiric_lab.registry import Candidate, Registry
    from oneiric_lab.store import Store

KEY: Final = "secrets.key"
"""File of the key under which versions of secrets are made; whoever has it may try guesses."""


class Kept(Protocol):
    """The lab, as who keeps its secrets sees it."""

    root: Path
    store: Store
    snapshot: Snapshot
    settings: Settings
    registry: Registry


class Keeping:
    """Stands between a workspace and its secrets; see `SecretKeeper`.

    Only what the configuration in force says is kept: a plan, or a look at another revision,
    asks for itself.
    """

    def __init__(self) -> None:
        self.keeper = SecretKeeper(self._key, self._times)
        self._lab: Kept | None = None
        self._secret: bytes | None = None
        self._asking = local()
        self._component: tuple[Candidate, Mapping[str, Any], Any] | None = None
        self._said: tuple[Snapshot | None, dict[str, SecretRef]] = (None, {})

    def bind(self, lab: Kept) -> None:
        """Be the one of *lab*."""
        self._lab = lab

    def __call__(self, source: SecretSource, name: str) -> str | None:
        """Return a secret, as `Inputs.keep_secrets` is asked."""
        if self._lab is None or not self._is_current(source):
            found = source.look(name)
            return None if found is None else found.text
        return self.keeper.find(source, name)

    def _is_current(self, source: SecretSource) -> bool:
        now = self.source()
        return (source.folders, source.file) == (now.folders, now.file)

    def source(self) -> SecretSource:
        """Return where secrets are looked for now."""
        assert self._lab is not None, "bound when the lab is made"  # noqa: S101 - our own
        said = self._lab.settings.secrets
        inputs = self._lab.snapshot.inputs
        return secret_source(inputs, said.directory, said.file, said.provider)

    def _times(self) -> Times:
        assert self._lab is not None, "see source"  # noqa: S101 - our own
        said = self._lab.settings.secrets
        return Times(said.cache_ttl_seconds, said.max_age_seconds, said.overlap_seconds)

    def _key(self) -> bytes:
        if self._secret is None:
            self._secret = os.urandom(32)
            assert self._lab is not None, "see source"  # noqa: S101 - our own
            # Where nothing can be written, versions mean nothing beyond this process.
            with suppress(OSError):
                self._secret = shared_key(self._lab.store.path.parent)
        return self._secret

    # --- names --------------------------------------------------------------------------

    def refs(self) -> dict[str, SecretRef]:
        """Return all secrets that somebody names: values, and candidates that win."""
        assert self._lab is not None, "see source"  # noqa: S101 - our own
        found = dict(self._of_values())
        for candidate in self._lab.registry.current.winners().values():
            for name in candidate.requires_secrets:
                if name not in found:
                    found[name] = self.source().ref(name)
        return found

    def named(self, said: Mapping[str, Any], candidate: Candidate) -> dict[str, SecretRef]:
        """Return the secrets that an incarnation of *candidate* is given or reveals."""
        found = {ref.id: ref for ref in references(said)}
        missing = [name for name in candidate.requires_secrets if name not in found]
        if missing:
            own = self._of_values()
            found |= {name: own.get(name) or self.source().ref(name) for name in missing}
        return found

    def _of_values(self) -> dict[str, SecretRef]:
        """Return the secrets that values refer to; a snapshot is walked once."""
        assert self._lab is not None, "see source"  # noqa: S101 - our own
        snapshot = self._lab.snapshot
        if self._said[0] is not snapshot:
            self._said = (snapshot, {ref.id: ref for ref in references(snapshot.tree)})
        return self._said[1]

    def given(self, settings: Settings, candidate: Candidate) -> Mapping[str, Any]:
        """Return what an incarnation is built with: settings, and versions of secrets."""
        said = settings_of(settings, candidate)
        named = self.named(said, candidate)
        if not named:
            return said
        from oneiric_lab.lifecycle import Given  # noqa: PLC0415 - what only asks runs nothing

        stamp = tuple((name, self.keeper.version(ref)) for name, ref in sorted(named.items()))
        return Given(pinned(said, self.keeper.pin), stamp)

    # --- the component that has secrets -------------------------------------------------

    def ask(self, name: str) -> str | None:
        """Ask the component that `secrets.provider` names, which is made when first asked.

        It is no part of the lifecycle, since what is in it may need a secret to be built.

        Raises:
            Exception: Whatever it raises.
        """
        if self._lab is None or getattr(self._asking, "now", False):
            return None  # its own settings may refer to secrets that others have
        said = self._lab.settings.secrets
        if said.provider is None:
            return None
        self._asking.now = True
        try:
            candidate = self._candidate(said.domain, said.key, said.provider)
            given = settings_of(self._lab.settings, candidate)
            if self._component is None or self._component[:2] != (candidate, given):
                self._component = (candidate, given, _made(candidate, given, self._lab.root))
            found = self._component[2](name)
        finally:
            self._asking.now = False
        return None if found is None else str(found)

    def _candidate(self, domain: str, key: str, provider: str) -> Candidate:
        assert self._lab is not None, "see source"  # noqa: S101 - our own
        for candidate in self._lab.registry.current.candidates(domain, key):
            if candidate.provider == provider:
                return candidate
        raise LookupError(f"no candidate {provider} of {domain}:{key}")


def _made(candidate: Candidate, given: Mapping[str, Any], base: Path) -> Any:
    factory = load_factory(candidate)
    model = load_named(candidate, candidate.settings_model, "settings model")
    if model is not None:
        return factory(settings=model.model_validate(dict(given), context=based_at(base)))
    return factory(settings=dict(given)) if given else factory()


def shared_key(folder: Path) -> bytes:
    """Return the key of a workspace's store, made where there is none.

    Raises:
        OSError: It can neither be read nor made.
    """
    path = folder / KEY
    with suppress(FileNotFoundError):
        return path.read_bytes()
    make_folder(folder)
    fresh = folder / f"{KEY}.{os.urandom(8).hex()}"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
        # Of two processes that are first at once, one makes it, whole, and both read it.
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
    return path.read_bytes()
