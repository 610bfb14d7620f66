"""What the steps of a ceremony show: what is signed, what changes with it, what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.views import Fields, Note, Result, View

if TYPE_CHECKING:
    from oneiric_lab.errors import Fault
    from oneiric_lab.manifest import ManifestDiff
    from oneiric_lab.trust import Bundle, Cosigned, Proposal, Report
    from oneiric_lab.views import Block


@dataclass(frozen=True, slots=True, repr=False)
class Proposed(Result):
    """A proposal, and what changes with it.

    Attributes:
        proposal: What the signers are asked to sign.
        changes: Against the release before; None where that is not at hand.
        manifest: The file of a manifest that was written as well.
        file: Where the proposal was written.
        warnings: What will soon be too old.
    """

    proposal: Proposal
    changes: ManifestDiff | None = None
    manifest: str | None = None
    file: str | None = None
    warnings: tuple[Fault, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            **self.proposal.as_dict(),
            "changes": None if self.changes is None else self.changes.as_dict(),
            "manifest_file": self.manifest,
            "file": self.file,
            "warnings": [fault.as_dict() for fault in self.warnings],
        }

    def view(self) -> View:
        """Return what would be signed, what changes, and what to do with the file."""
        inner = self.proposal.view()
        blocks = [*inner.blocks, *_told(self.changes, self.proposal)]
        blocks += [
            Note("; ".join(filter(None, (fault.message, fault.fix))), "warn")
            for fault in self.warnings
        ]
        if self.file is not None:
            blocks.append(
                Note(f"send {self.file} and the manifest to the signers, and tell them the words")
            )
        return View(inner.kind, inner.title, tuple(blocks))


@dataclass(frozen=True, slots=True, repr=False)
class Signed(Result):
    """What one signer has signed, or would sign.

    Attributes:
        proposal: What was asked.
        done: The answer; None where nothing was signed yet.
        changes: Against the release before; None where that is not at hand.
        compared: Whether the root was compared with one that is trusted here.
    """

    proposal: Proposal
    done: Cosigned | None
    changes: ManifestDiff | None = None
    compared: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        done = None if self.done is None else self.done.as_dict()
        return {
            **(done or {"signer": None, "keyid": None, "outside": [], "file": None}),
            "signed": self.proposal.as_dict(),
            "changes": None if self.changes is None else self.changes.as_dict(),
            "root_compared": self.compared,
        }

    def view(self) -> View:
        """Return what was signed, what changes, and what to compare."""
        if self.done is None:
            asked = self.proposal.view()
            inner = View(asked.kind, f"would sign: {self.proposal.title}", asked.blocks)
        else:
            inner = self.done.view()
        blocks = [*inner.blocks, *_told(self.changes, self.proposal)]
        if not self.compared:
            blocks.append(
                Note(
                    "the root is the one in the proposal: compare its words, or give --root", "warn"
                )
            )
        return View(inner.kind, inner.title, tuple(blocks), tone=inner.tone)


def _told(changes: ManifestDiff | None, proposal: Proposal) -> list[Block]:
    if changes is not None:
        inner = changes.view()
        return [Note(inner.title), *inner.blocks]
    if proposal.statement.previous is None:
        return []
    return [Note("the release before is not at hand: give it by --previous to see what changes")]


@dataclass(frozen=True, slots=True, repr=False)
class Bundled(Result):
    """A bundle that was made, and what a client that knows only its first root finds in it.

    Attributes:
        bundle: What is published beside the manifest.
        report: Of that client.
        anchor: Digest of the first root, which is all that such a client needs.
        file: Where the bundle was written.
    """

    bundle: Bundle
    report: Report
    anchor: str
    file: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"file": self.file, "root": self.anchor, "report": self.report.as_dict()}

    def view(self) -> View:
        """Return the release, and the one digest that its readers need."""
        release = self.report.release
        rows = [("signed by", ", ".join(self.report.signers)), ("manifest", release.sha256)]
        rows.append(("root", f"sha256:{self.anchor}"))
        if self.file is not None:
            rows.append(("file", self.file))
        title = f"bundle of {release.title}: verified"
        return View("bundled", title, (Fields(tuple(rows)),), tone="ok")
