"""What is in force and why: nothing here changes anything."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from oneiric_lab.config import changed_values, load
from oneiric_lab.errors import Fault, NoCandidateError, OneiricError, UsageError, did_you_mean
from oneiric_lab.registry import DOMAINS

from ._event_options import event_faults
from ._results import Check, Status, ValueDiff
from ._rules import rules_of
from ._sides import is_manifest, manifest_diff, side
from ._where import placed
from ._workspace import Workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from oneiric_lab.config import Snapshot, ValueExplanation
    from oneiric_lab.errors import Origin
    from oneiric_lab.manifest import Manifest, ManifestDiff
    from oneiric_lab.registry import Explanation, Handle, Listing, WhyNot


T = TypeVar("T")


class Asking(Workspace[T]):
    """Questions to a workspace."""

    __slots__ = ()

    def value(self, path: str) -> object:
        """Return the effective value at *path*."""
        return self.snapshot.value(path)

    def origin(self, path: str) -> Origin:
        """Return where the effective value at *path* was said."""
        return self.snapshot.origin(path)

    def explain(
        self,
        target: str,
        *,
        need: Sequence[str] | str | None = None,
        need_any: Sequence[str] | str | None = None,
        prefer: Sequence[str] | str | None = None,
    ) -> ValueExplanation | Explanation:
        """Return why a value (`server.port`) or a component (`adapter:cache`) is what it is.

        Raises:
            UnknownPathError: No value has this path.
            NoCandidateError: No component has this name.
        """
        domain, colon, key = target.partition(":")
        if not colon:
            return self.snapshot.explain(target)
        if domain not in DOMAINS:
            raise UsageError(
                Fault("bad-target", f"unknown domain `{domain}`", fix=did_you_mean(domain, DOMAINS))
            )
        found = self.registry.explain(domain, key, need, need_any, prefer)
        if not found.ranking and not found.rejected and found.problem is not None:
            raise NoCandidateError(found.problem)
        return found

    def why_not(self, target: str, provider: str, *, layer: str = "session") -> WhyNot:
        """Return the change that would let *provider* provide the component *target*.

        Args:
            target: `domain:key`.
            provider: Who shall win.
            layer: Where changes go; where a higher one stands in the way, that one is named.
        """
        domain, _, key = target.partition(":")
        return placed(self.registry.why_not(domain, key, provider), self.snapshot, layer)

    def what_if(self, target: str, **facts: Any) -> Explanation:
        """Return what `explain` would say of a component if a few facts were others.

        Nothing changes; `plan` tells what a change of the configuration would do.

        Args:
            target: `domain:key`.
            facts: `select=`, `priority=`, `flags=`, `need=`, `need_any=` and `prefer=`, as
                `Registry.what_if` takes them.

        Raises:
            NoCandidateError: There is no such component, or no such candidate of it.
        """
        domain, _, key = self._known(target).partition(":")
        return self.registry.what_if(domain, key, **facts)

    def candidates(self, domain: str | None = None, *, most: int | None = None) -> Listing:
        """Return all candidates, or those of one domain; where they run, also how they are.

        Args:
            domain: One of the seven, None for all.
            most: List the first ones only, so many; of 100,000 that takes no time to speak of.
        """
        found = self.registry.current.listing(domain, most)
        return self._run().told(found) if self.is_running() else found

    def handle(
        self, target: str, *, need: Any = None, need_any: Any = None, prefer: Any = None
    ) -> Handle:
        """Return a question whose `candidate` follows every publish."""
        domain, _, key = target.partition(":")
        return self.registry.handle(domain, key, need, need_any, prefer)

    @overload
    def diff(self, left: str, right: str) -> ValueDiff | ManifestDiff: ...

    @overload
    def diff(
        self,
        left: str | os.PathLike[str] | Manifest,
        right: os.PathLike[str] | Manifest,
    ) -> ManifestDiff: ...

    @overload
    def diff(self, left: os.PathLike[str] | Manifest, right: str) -> ManifestDiff: ...

    def diff(
        self,
        left: str | os.PathLike[str] | Manifest,
        right: str | os.PathLike[str] | Manifest,
    ) -> ValueDiff | ManifestDiff:
        """Return in what two configurations, or two manifests, differ.

        Args:
            left: A configuration: `now`, `profile:prod`, profiles together (`profile:prod+eu`),
                the workspace at another revision (`git:HEAD~3`) or a lock file
                (`file:oneiric.lock.json`). Or a manifest: a path that ends in `.oneiric.json`,
                `.toml`, `.yaml` or `.json`, one that was read, or the bundle beside it. Paths
                are those of the workspace's folder, wherever the program stands.
            right: The other one. Beside a manifest, `now` is what the workspace has of it.

        Raises:
            UsageError: A side is none of these, or only one is a manifest.
            InvalidConfigError: A side has faults.
            ManifestError: So does a manifest.
        """
        if is_manifest(left) or is_manifest(right):
            allowed = self.settings.plugins.allow_factories
            return manifest_diff(left, right, self.root, self.registry, allowed)
        with ExitStack() as held:
            a, b = (side(self.snapshot, str(name), held) for name in (left, right))
            return ValueDiff(str(left), str(right), changed_values(a, b))

    def under(self, profiles: Sequence[str]) -> Snapshot:
        """Return the configuration as it would be under other profiles; none is activated.

        Args:
            profiles: In the order of their activation.

        Raises:
            UnknownProfileError: The workspace defines none of this name.
            InvalidConfigError: That configuration has faults.
        """
        inputs = replace(self.snapshot.inputs, profiles=tuple(profiles))
        return load(inputs, previous=self.snapshot)

    def check(self, *, all_profiles: bool = False) -> Check:
        """Return whether the workspace is sound, for its profiles or for all of them."""
        if not all_profiles:
            current = self.registry.current
            faults = (*self.problems, *current.problems())
            faults += event_faults(self.snapshot, current.winners())
            return Check(((self.snapshot.profiles, faults),))
        sets: list[tuple[str, ...]] = [(), *((p,) for p in self.snapshot.known_profiles)]
        sets += [tuple(c) for c in self.settings.profile.combinations if tuple(c) not in sets]
        rows = []
        for names in sets:
            try:
                after = load(replace(self.snapshot.inputs, profiles=names), previous=self.snapshot)
                preview = self.registry.preview(rules=rules_of(after))
                faults = (*preview.problems(), *event_faults(after, preview.winners()))
            except OneiricError as error:
                faults = error.faults
            rows.append((names, (*self.problems, *faults) if names == () else faults))
        return Check(tuple(rows))

    def status(self) -> Status:
        """Return the first screen: what this workspace is and how it stands."""
        generation = self.registry.current
        kept = () if self._watching is None else self._watching.faults
        faults = (*self.problems, *generation.problems(), *kept)
        return Status(
            self.root.name,
            self.snapshot.profiles,
            self.snapshot.known_profiles,
            tuple((layer.name, layer.rank, layer.file) for layer in self.snapshot.layers),
            len(self.snapshot.paths()),
            len(generation.keys()),
            sum(1 for _ in generation.candidates()),
            len(generation.winners()),
            tuple(faults),
            self.snapshot.notes,
        )
