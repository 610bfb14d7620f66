"""Releases in a workspace: verified by its policy and memory, entered as one generation.

What the workspace trusted last stands in its store, the same document as the file of `manifest
verify --state`. `verify` reads it; only `enter` takes it forward, before anything of the release
can be resolved, so that a process that is killed in between has forgotten nothing.

What survives the process is that memory, and not the entries: a workspace that is opened anew
has none of them until the release is verified and entered again, which it may be, since the
same release is no rollback. An expired release does not come back that way, nor does one that
was revoked meanwhile. Who wants the last good release kept names a source of manifests:
`_syncing` remembers where a release came from, which nobody has said of bytes that were handed
to `enter`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.manifest import SUFFIX, enter, read_candidates
from oneiric_lab.trust import Bundle, Limits, Policy, Root, State, verify
from oneiric_lab.views import Cell, Fields, Note, Result, Table, View

from ._documents import inside, named, policy_in, policy_with, release_bytes, root_in
from ._signing import Ground, beside, propose_file
from ._trusted import refuse_older, trust_report, trusted_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oneiric_lab.config import Settings
    from oneiric_lab.manifest import Legacy, Manifest
    from oneiric_lab.registry import Candidate, Generation, Registry
    from oneiric_lab.store import Store
    from oneiric_lab.trust import Report
    from oneiric_lab.views import Block

    from ._signed import Proposed

    Document = str | os.PathLike[str] | bytes

_SHOWN = 20


class Here(Protocol):
    """What of a workspace counts for a release; a `Lab` is one."""

    @property
    def root(self) -> Path:
        """Its folder."""
        ...

    @property
    def store(self) -> Store:
        """What it remembers."""
        ...

    @property
    def registry(self) -> Registry:
        """Its candidates."""
        ...

    @property
    def settings(self) -> Settings:
        """The built-in tables."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Entered(Result):
    """A release that is in the registry now.

    Attributes:
        report: By which it was verified.
        state: What the workspace remembers from now on.
        generation: Number of the generation that was published.
        added: Candidates that this source had not before.
        withdrawn: Candidates of this source that left.
        refused: Those of its candidates that may not run here, or that lack something.
    """

    report: Report
    state: State
    generation: int
    added: tuple[Candidate, ...]
    withdrawn: tuple[Candidate, ...]
    refused: tuple[Candidate, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "release": self.report.release.as_dict(),
            "signers": list(self.report.signers),
            "generation": self.generation,
            "added": [str(one) for one in self.added],
            "withdrawn": [str(one) for one in self.withdrawn],
            "refused": [str(one) for one in self.refused],
        }

    def view(self) -> View:
        """Return what came and what left; of many, the first."""
        release = self.report.release
        came = [(Cell("added", "ok"), one) for one in self.added[:_SHOWN]]
        left = [(Cell("withdrawn", "warn"), one) for one in self.withdrawn[:_SHOWN]]
        rows = tuple(
            (what, f"{one.domain}:{one.key}", one.provider, str(one.version))
            for what, one in (*came, *left)
        )
        blocks: list[Block] = [
            Fields((("signed by", ", ".join(self.report.signers)), ("generation", self.generation)))
        ]
        if self.refused:
            blocks.append(
                Note(
                    f"{len(self.refused):,} may not run here: plugins.allow_factories does not "
                    "have their modules",
                    "warn",
                )
            )
        if rows:
            blocks.append(Table(("entry", "component", "provider", "version"), rows))
        return View("entered", f"entered: {release.title}", tuple(blocks), tone="ok")


def verify_release(
    lab: Here,
    bundle: Document | Bundle | None,
    manifest: Document | None,
    *,
    root: str | os.PathLike[str] | Root | None,
    policy: str | os.PathLike[str] | Policy | None,
    now: datetime | None,
) -> Report:
    """Return the report of a release, by what the workspace trusts and remembers."""
    limits = Limits()
    if manifest is None and isinstance(bundle, bytes | Bundle):
        raise UsageError(
            Fault(
                "usage",
                "the manifest is looked for beside the bundle's file, and this is none",
                fix="lab.verify(bundle, manifest)",
            )
        )
    data: bytes | None = None
    if manifest is not None:
        data = _bytes(lab, manifest, limits.manifest_bytes)
    elif bundle is not None:
        assert not isinstance(bundle, bytes | Bundle)  # noqa: S101 - refused above
        data = _bytes(lab, beside(Path(bundle), SUFFIX), limits.manifest_bytes)
    proof: bytes | Bundle | None = bundle if isinstance(bundle, Bundle) else None
    if bundle is not None and proof is None:
        assert not isinstance(bundle, Bundle)  # noqa: S101 - it is the other case
        proof = _bytes(lab, bundle, limits.bundle_bytes)
    return verify(
        proof,
        data,
        policy=policy_of(lab, root, policy),
        state=trusted_state(lab.store),
        now=now or datetime.now(UTC),
        limits=limits,
    )


def enter_release(lab: Here, report: Report) -> Entered:
    """Put the release of *report* in place of the one before, as one generation."""
    release = report.release
    manifest, candidates = read_candidates(
        report.manifest,
        name=release.title,
        allowed=lab.settings.plugins.allow_factories,
        legacy=not release.version,
    )
    before = _of(lab, manifest.source_name)
    state, number = settle_release(lab, report, manifest, candidates)
    after = _of(lab, manifest.source_name)
    return Entered(
        report,
        state,
        number,
        _sorted(one for identity, one in after.items() if identity not in before),
        _sorted(one for identity, one in before.items() if identity not in after),
        _sorted(one for one in after.values() if one.refused),
    )


def settle_release(
    lab: Here,
    report: Report,
    manifest: Manifest | Legacy,
    candidates: Iterable[Candidate],
    *,
    judged: Generation | None = None,
    source: tuple[str, Callable[[bytes | None], bytes]] | None = None,
) -> tuple[State, int]:
    """Take the trust forward, and then publish; return what is trusted now, and the number.

    Args:
        lab: The workspace.
        report: What was verified.
        manifest: The same, read.
        candidates: Its entries.
        judged: The generation that it would make, where that was judged already.
        source: See `trust_report`.
    """
    state = trust_report(lab.store, report, source=source)
    refuse_older(state, report)
    return state, enter(lab.registry, manifest, candidates, judged=judged)


def propose_release(
    lab: Here,
    manifest: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | Root | None,
    previous: str | os.PathLike[str] | None,
    out: str | os.PathLike[str] | None,
    now: datetime | None,
    **options: Any,
) -> Proposed:
    """Propose a manifest, after what the workspace trusted last."""
    state = trusted_state(lab.store)
    known = state.root if root is None else root_of(lab, root)
    if known is None:
        raise UsageError(
            Fault(
                "usage",
                "nothing says who may sign: no release was trusted here yet",
                fix='lab.propose(manifest, root="root.1.json")',
            )
        )
    ground = Ground(now or datetime.now(UTC), policy_of(lab, known, None), state)
    done = propose_file(
        inside(lab.root, manifest),
        root=known,
        ground=ground,
        previous=None if previous is None else inside(lab.root, previous),
        out=None if out is None else inside(lab.root, out),
        registry=lab.registry,
        allowed=lab.settings.plugins.allow_factories,
        **options,
    )
    return replace(done, file=None if done.file is None else named(lab.root, done.file))


def policy_of(
    lab: Here,
    root: str | os.PathLike[str] | Root | None,
    policy: str | os.PathLike[str] | Policy | None,
) -> Policy:
    """Return the policy that is given, or the workspace's own, with the root beside it."""
    name = "the policy"
    if isinstance(policy, Policy):
        trusted = policy
    else:
        # The default one need not be there; one that somebody named must.
        name = lab.settings.trust.policy if policy is None else os.fspath(policy)
        file = inside(lab.root, name)
        is_default = policy is None and name == type(lab.settings.trust)().policy
        trusted = Policy() if is_default and not file.exists() else policy_in(file, shown=name)
    if root is None:
        return trusted
    given = root if isinstance(root, Root) else os.fspath(root)
    return policy_with(trusted, given, partial(root_of, lab), said="root", name=name)


def root_of(lab: Here, root: str | os.PathLike[str] | Root) -> Root:
    """Return a root, or the one in a file of the workspace."""
    if isinstance(root, Root):
        return root
    return root_in(inside(lab.root, root), shown=os.fspath(root))


def _of(lab: Here, source_name: str) -> dict[object, Candidate]:
    return {
        one.identity: one
        for keys in lab.registry.current.nodes.values()
        for node in keys.values()
        for one in node.members
        if one.source_name == source_name
    }


def _sorted(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(found, key=lambda one: one.identity))


def _bytes(lab: Here, document: Document, limit: int) -> bytes:
    if isinstance(document, bytes):
        return document
    return release_bytes(inside(lab.root, document), limit, shown=str(document))
