"""A release on its way: who has done what, as its files say, and the steps that are left.

Nothing is held here but names of files, and what was compared last: whoever opens the same
release again, tomorrow or in another process, goes on where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from oneiric_lab.errors import Fault, OneiricError, UsageError
from oneiric_lab.files import read, stat_key
from oneiric_lab.manifest import SUFFIX, diff, empty, open_side
from oneiric_lab.trust import FileSigner
from oneiric_lab.views import Cell, Note, Result, Table, View

from ._acknowledged import READ, acknowledge, acknowledged
from ._documents import inside, named, revocations_in
from ._releases import policy_of, root_of
from ._signing import (
    BUNDLE,
    ENVELOPE,
    PROPOSAL,
    RESPONSE,
    Ground,
    assemble_files,
    beside,
    bundle_file,
    cosign_file,
    read_proposal,
)
from ._trusted import trusted_state
from ._unseen import ask_unseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from oneiric_lab.manifest import ManifestDiff
    from oneiric_lab.trust import Assembly, Cosigned, Proposal, Report, Root
    from oneiric_lab.views import Tone

    from ._acknowledged import Acknowledged
    from ._signed import Bundled, Proposed, Signed

    Done = TypeVar("Done", Cosigned, Assembly, Bundled)

STEPS = ("propose", "sign", "assemble", "bundle")
"""What there is to do, in order; each leaves a file."""


@dataclass(frozen=True, slots=True, repr=False)
class Verified(Result):
    """A release as two readers find it.

    Attributes:
        empty: By one who knows nothing but the first root.
        known: By this workspace, with what it has trusted.
    """

    empty: Report
    known: Report

    @property
    def ok(self) -> bool:
        """Whether both find nothing wrong."""
        return bool(self.empty) and bool(self.known)

    @property
    def exit_code(self) -> int:
        """1 where one of them refuses it."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, object]:
        """Return both reports."""
        return {"ok": self.ok, "empty": self.empty.as_dict(), "known": self.known.as_dict()}

    def view(self) -> View:
        """Return what each finds, and why not."""
        rows = []
        for who, report in (("knows the root only", self.empty), ("this workspace", self.known)):
            failed = [check for check in report.checks if check.state == "failed"]
            state = Cell("verified", "ok") if report else Cell("refused", "bad")
            rows.append((who, state, "; ".join(f"{c.code}: {c.message}" for c in failed)))
        title = "verified" if self.ok else "not verified"
        table = Table(("reader", "finds", "why"), tuple(rows))
        return View("verified", title, (table,), tone="ok" if self.ok else "bad")


@dataclass(frozen=True, repr=False)
class ReleaseOnItsWay(Result):
    """The files of one release, and the steps that lead from one to the next.

    Attributes:
        lab: Where it is made.
        manifest: Its `*.oneiric.json`.
        roots: Files of the chain of roots, oldest first; the last one says who may sign.
        previous: The manifest of the release before.
        revocations: The newest revocation list.
        now: The time that is meant; None is each moment.
    """

    lab: Any = field(repr=False)
    manifest: str
    roots: tuple[str, ...] = ()
    previous: str | None = None
    revocations: str | None = None
    now: datetime | None = None
    _compared: dict[object, ManifestDiff] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def _at(self, name: str) -> Path:
        return inside(self.lab.root, name)

    def _named(self, done: Done) -> Done:
        """Return what was done, with its file as people are shown it."""
        return done if done.file is None else replace(done, file=named(self.lab.root, done.file))

    def file(self, suffix: str) -> Path:
        """Return the file of this release that ends in *suffix*, whether it is there or not."""
        return beside(self._at(self.manifest), suffix)

    @property
    def responses(self) -> tuple[Path, ...]:
        """The response files that lie beside the manifest."""
        stem = self.file("").name
        found = self.file("").parent.glob("*" + RESPONSE)
        return tuple(sorted(one for one in found if one.name.startswith(f"{stem}.")))

    @property
    def root(self) -> Root:
        """Who may sign: the last of `roots`, or what the workspace has trusted.

        Raises:
            UsageError: Neither is there.
        """
        if self.roots:
            return root_of(self.lab, self.roots[-1])
        known = trusted_state(self.lab.store).root
        if known is None:
            fix = 'lab.release(manifest, roots=["root.1.json"])'
            raise UsageError(Fault("usage", "nothing says who may sign", fix=fix))
        return known

    def _ground(self) -> Ground:
        listed = None
        if self.revocations is not None:
            listed = revocations_in(self._at(self.revocations), shown=self.revocations)
        now = self.now or datetime.now(UTC)
        policy = policy_of(self.lab, self.root, None)
        return Ground(now, policy, trusted_state(self.lab.store), listed)

    # --- the steps ------------------------------------------------------------------------

    def changes(self) -> ManifestDiff:
        """Return what is new since the release before, or since nothing, and what to look at.

        Raises:
            ManifestError: A manifest has faults.
        """
        files = [self._at(one) for one in (self.manifest, self.previous) if one is not None]
        allowed = self.lab.settings.plugins.allow_factories
        key = (*map(stat_key, files), self.lab.registry.generation, tuple(allowed))
        found = self._compared.get(key)
        if found is None:
            new = open_side(files[0])
            old = empty(new) if self.previous is None else open_side(files[1])
            found = diff(old, new, registry=self.lab.registry, allowed=allowed)
            self._compared.clear()
            self._compared[key] = found
        return found

    def risks(self) -> Acknowledged:
        """Return the risks of `changes()`, and which of them were read.

        Raises:
            ManifestError: A manifest has faults.
        """
        return acknowledged(self.changes(), self.file(READ))

    def acknowledge(self, *risks: str, undo: bool = False) -> Acknowledged:
        """Take down that these risks were read, in a file beside the manifest.

        Args:
            risks: Codes (`downgrade`), codes with a component (`downgrade adapter:cache`), or
                all words of a risk.
            undo: Whether they are to be read again.

        Raises:
            UsageError: There is no such risk.
            FileAccessError: The file is none of ours, or changed meanwhile.
        """
        now = self.now or datetime.now(UTC)
        return acknowledge(self.changes(), self.file(READ), risks, now=now, undo=undo)

    def propose(self, *, days: float | None = None) -> Proposed:
        """Freeze what will be signed; see `Lab.propose`."""
        found: Proposed = self.lab.propose(
            self.manifest, root=self.root, previous=self.previous, days=days, now=self.now
        )
        return found

    def sign(
        self, key: str, *, passphrase: Callable[[str], str] | None = None, dry_run: bool = False
    ) -> Signed:
        """Answer the proposal with the key in a file; its passphrase is asked for last.

        Args:
            key: A private key, in PEM.
            passphrase: Asked with a prompt; by default it is asked for without being shown.
            dry_run: Whether it is only checked and shown.

        Raises:
            UntrustedError: The release would never be verified.
            UnknownKeyError: The root names nobody with this key.
            PassphraseError: The passphrase does not open the key.
        """
        shown = cosign_file(self.file(PROPOSAL), None, ground=self._ground())
        if dry_run:
            return shown
        ask = passphrase or ask_unseen
        signer = FileSigner.load(self._at(key), passphrase=ask, shown=key)
        found = cosign_file(self.file(PROPOSAL), signer, ground=self._ground())
        assert found.done is not None, "there was a signer"  # noqa: S101 - our own
        return replace(found, done=self._named(found.done))

    def assemble(self, responses: Sequence[str] = (), *, write: bool = True) -> Assembly:
        """Put the responses beside the manifest, and those that are named, together.

        Args:
            responses: Files from elsewhere.
            write: Whether the envelope is written.
        """
        files = [*self.responses, *(self._at(one) for one in responses)]
        ground = self._ground()
        return self._named(assemble_files(self.file(PROPOSAL), files, ground=ground, write=write))

    def verify(self) -> Verified:
        """Return what a reader from nothing, and this workspace, would find; nothing is written.

        Raises:
            FileAccessError: There is no envelope yet.
        """
        made = self._bundled(write=False, strict=False)
        manifest = read(self._at(self.manifest), shown=self.manifest).data
        known = self.lab.verify(made.bundle, manifest, root=self.root, now=self.now)
        return Verified(made.report, known)

    def bundle(self) -> Bundled:
        """Write what is published beside the manifest; only one that holds.

        Raises:
            UntrustedError: It would not be verified; every reason is told.
        """
        return self._bundled(write=True, strict=True)

    def _bundled(self, *, write: bool, strict: bool) -> Bundled:
        roots = [root_of(self.lab, one) for one in self.roots] or [self.root]
        make = partial(bundle_file, self.file(ENVELOPE), roots=roots, ground=self._ground())
        return self._named(make(write=write, strict=strict))

    # --- how it stands --------------------------------------------------------------------

    @property
    def proposal(self) -> Proposal | None:
        """What the signers are asked to sign, once it was proposed."""
        file = self.file(PROPOSAL)
        return read_proposal(file) if file.exists() else None

    def signed(self) -> Assembly | None:
        """Return who has signed, as the files say; None before there is a proposal."""
        if self.proposal is None:
            return None
        return self.assemble(write=False)

    def done(self) -> dict[str, bool]:
        """Return which steps have left their files."""
        proposed = self.file(PROPOSAL).exists()
        return {
            "propose": proposed,
            "sign": proposed and bool(self.responses or self.file(ENVELOPE).exists()),
            "assemble": self.file(ENVELOPE).exists(),
            "bundle": self.file(BUNDLE).exists(),
        }

    def as_dict(self) -> dict[str, object]:
        """Return the files that are there, and which steps are done."""
        files = [self.file(end) for end in (SUFFIX, READ, PROPOSAL, ENVELOPE, BUNDLE)]
        files += self.responses
        return {
            "manifest": self.manifest,
            "files": [one.name for one in files if one.exists()],
            "done": self.done(),
        }

    def view(self) -> View:
        """Return each step with its file, and what is next."""
        done = self.done()
        ends = {"propose": PROPOSAL, "sign": RESPONSE, "assemble": ENVELOPE, "bundle": BUNDLE}
        rows = []
        for name in STEPS:
            tone: Tone = "ok" if done[name] else "muted"
            files = [one.name for one in self.responses] if name == "sign" else []
            if name != "sign" and done[name]:
                files = [self.file(ends[name]).name]
            rows.append((name, Cell("done" if done[name] else "open", tone), ", ".join(files)))
        table = Table(("step", "state", "files"), tuple(rows))
        blocks: list[Note | Table] = [table]
        try:
            found = self.signed()
        except OneiricError as error:
            blocks += [Note(fault.message, "bad") for fault in error.faults]
        else:
            if found is not None and found.missing and not done["bundle"]:
                blocks.append(Note(found.missing, "warn"))
        following = next((name for name in STEPS if not done[name]), None)
        title = f"release of {self.file(SUFFIX).name}: "
        title += "bundled" if following is None else f"next is to {following}"
        return View("release", title, tuple(blocks), tone="ok" if following is None else "plain")
