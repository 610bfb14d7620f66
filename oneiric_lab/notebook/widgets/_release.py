"""The steps of a release, each with the Python that does it.

A step goes to the browser as it stands:

    name, title    what it is
    state, said    done, open, later or failed; and a few words
    view           what there is to read
    fields         what is asked for: name, label, value, placeholder
    checks         risks to be acknowledged: id, tone, about, text, ask, on, and whether it is fixed
    actions        buttons: act, label, and why it is off
    code           what a cell asks for the same

All that is known stands in the files of the release (`lab.release`), which risks were read among
them: who closes the notebook goes on where it stood.
A passphrase is asked for by a cell: what is typed into a widget stays in the notebook.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import traitlets

from oneiric_lab.errors import Fault, OneiricError, PassphraseError, UsageError
from oneiric_lab.lab import ReleaseOnItsWay, words_of
from oneiric_lab.views import Note, Result, Table, View, clean

from ._base import Widget
from ._following import follow
from ._told import refused, short, told_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneiric_lab.lab import Acknowledged, Lab
    from oneiric_lab.manifest import Risk
    from oneiric_lab.trust import Assembly, Root

MOST_ROWS: Final = 30
MOST_RISKS: Final = 200
_FIELDS: Final = ("manifest", "roots", "previous", "revocations")
MORE: Final = " more"
"""What the box of the risks of one kind, beyond the first ones, ends in."""


def in_a_cell(key: str) -> Callable[[str], str]:
    """Return what refuses to ask for the passphrase of *key*, and says where it is asked."""

    def refuse(_: str) -> str:
        raise PassphraseError(
            Fault(
                "passphrase-needed",
                f"{key} has a passphrase, which is asked for in a cell and never here",
                fix=f"run in a cell: release.sign({key!r})",
            )
        )

    return refuse


class Release(Widget):
    """What has to be done before a release can be published, step by step.

    Its buttons call the methods of `lab.release(...)`.

    Attributes:
        release: What it is about; None while no manifest was chosen.
    """

    name = "release"

    title = traitlets.Unicode("").tag(sync=True)
    steps = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, lab: Lab[Any], release: ReleaseOnItsWay | None = None) -> None:
        self.lab, self.release = lab, release
        self._key = ""
        self._taken: tuple[str, ...] = ()
        self._found: Result | None = None
        self._seen = self._now()
        super().__init__(**self._standing())

    # --- how it stands --------------------------------------------------------------------

    def _now(self) -> object:
        """Return what differs when a file of the release does."""
        if self.release is None:
            return None
        folder = self.release.file("").parent
        names = [self.release.manifest, *self.release.roots, self.release.previous]
        known = [self.lab.root / one for one in (*names, self.release.revocations) if one]
        stem = self.release.file("").name
        files = sorted({*known, *folder.glob(f"{stem}.*")})
        return [(one, s.st_mtime_ns, s.st_size) for one in files if (s := _stat(one)) is not None]

    def look(self) -> None:
        """Show how the files stand now, where they are not as they were."""
        now = self._now()
        if now != self._seen:
            self._seen = now
            self._show()

    def _show(self) -> None:
        for name, value in self._standing().items():
            self.set_trait(name, value)

    def _standing(self) -> dict[str, Any]:
        release = self.release
        title = "release" if release is None else short(f"release of {release.manifest}")
        steps = [self._chosen(), *([] if release is None else self._rest(release))]
        return {"title": title, "steps": steps}

    def _chosen(self) -> dict[str, Any]:
        release = self.release
        said = {
            "manifest": "" if release is None else release.manifest,
            "roots": "" if release is None else ", ".join(release.roots),
            "previous": "" if release is None else release.previous or "",
            "revocations": "" if release is None else release.revocations or "",
        }
        labels = ("manifest", "roots", "release before", "revocation list")
        hints = ("shop.oneiric.json", "root.1.json, root.2.json", "its manifest", "its newest")
        fields = [
            {"name": name, "label": label, "value": said[name], "placeholder": hint}
            for name, label, hint in zip(_FIELDS, labels, hints, strict=True)
        ]
        return {
            "name": "choose",
            "title": "choose the manifest",
            "state": "open" if release is None else "done",
            "said": "" if release is None else clean(release.manifest),
            "fields": fields,
            "actions": [{"act": "choose", "label": "Choose"}],
            "code": None if release is None else self._opened(),
        }

    def _rest(self, release: ReleaseOnItsWay) -> list[dict[str, Any]]:
        try:
            found = release.risks()
            done, signed = release.done(), release.signed()
        except OneiricError as error:
            state = {"name": "read", "title": "read the risks", "state": "failed"}
            return [{**state, "view": _view(refused(error))}]
        left = () if done["propose"] else found.left
        steps = [
            self._reading(found, left, proposed=done["propose"]),
            self._proposing(release, left, proposed=done["propose"]),
            self._signing(done, signed),
            self._assembling(done, signed),
            self._verifying(done, signed),
            self._bundling(done, signed),
        ]
        first = next((step for step in steps if step["state"] == "open"), None)
        for step in steps:
            if step["state"] == "open" and step is not first:
                step["state"] = "later"
        return steps

    def _reading(
        self, found: Acknowledged, left: tuple[Risk, ...], *, proposed: bool
    ) -> dict[str, Any]:
        many = len(found.changes.risks)
        return {
            "name": "read",
            "title": "read the risks",
            "state": "open" if left else "done",
            "said": f"{many - len(left):,} of {many:,} acknowledged" if many else "none was seen",
            "view": _view(replace(found.changes.view(), blocks=())),
            "checks": _checks(found, proposed=proposed),
            "code": self._opened("release.risks()"),
        }

    def _proposing(
        self, release: ReleaseOnItsWay, left: tuple[Risk, ...], *, proposed: bool
    ) -> dict[str, Any]:
        proposal = release.proposal
        off = _off(left) if left else None
        try:
            shown = _policy(release.root)
        except OneiricError as error:
            off, shown = "; ".join(fault.message for fault in error.faults), None
        days = {"name": "days", "label": "days", "value": "", "placeholder": "as the root allows"}
        action = {"act": "propose", "label": "Propose", "off": off}
        return {
            "name": "propose",
            "title": "policy: who signs, and what",
            "state": "done" if proposed else "open",
            "view": _view(shown if proposal is None else proposal.view()),
            "fields": [] if proposed else [days],
            "actions": [] if proposed else [action],
            "code": self._opened("release.propose()"),
        }

    def _signing(self, done: Mapping[str, bool], signed: Assembly | None) -> dict[str, Any]:
        off = None
        if not done["propose"]:
            off = "propose it first"
        key = {"name": "key", "label": "your key", "value": self._key, "placeholder": "alice.pem"}
        named = repr(self._key or "alice.pem")
        complete = signed is not None and signed.complete
        who = "" if signed is None else ", ".join(signed.signers)
        return {
            "name": "sign",
            "title": "sign",
            "state": "done" if complete else "open",
            "said": f"signed by {clean(who)}" if who else "",
            "view": None if signed is None else _view(signed.view()),
            "fields": [key],
            "actions": [{"act": "sign", "label": "Sign with a key without passphrase", "off": off}],
            "code": self._opened(f"release.sign({named})"),
        }

    def _assembling(self, done: Mapping[str, bool], signed: Assembly | None) -> dict[str, Any]:
        complete = signed is not None and signed.complete
        files = "" if self.release is None else ", ".join(p.name for p in self.release.responses)
        taken = repr(list(self._taken)) if self._taken else ""
        field = {
            "name": "responses",
            "label": "from elsewhere",
            "value": ", ".join(self._taken),
            "placeholder": "responses that lie in other folders",
        }
        return {
            "name": "assemble",
            "title": "put the responses together",
            "state": "done" if done["assemble"] and complete else "open",
            "said": clean(files),
            "fields": [field],
            "actions": [
                {
                    "act": "assemble",
                    "label": "Put together",
                    "off": None if done["propose"] else "propose it first",
                }
            ],
            "code": self._opened(f"release.assemble({taken})"),
        }

    def _verifying(self, done: Mapping[str, bool], signed: Assembly | None) -> dict[str, Any]:
        ready = done["assemble"] and signed is not None and signed.complete
        found = self._found
        return {
            "name": "verify",
            "title": "verify, from nothing and from what is known here",
            "state": "done" if done["bundle"] or found is not None else "open",
            "view": None if found is None else _view(found.view()),
            "actions": [
                {
                    "act": "verify",
                    "label": "Verify",
                    "off": None if ready else "signatures are missing",
                }
            ],
            "code": self._opened("release.verify()"),
        }

    def _bundling(self, done: Mapping[str, bool], signed: Assembly | None) -> dict[str, Any]:
        ready = done["assemble"] and signed is not None and signed.complete
        name = "" if self.release is None else self.release.file(".oneiric-bundle.json").name
        off = None if ready else "signatures are missing"
        return {
            "name": "bundle",
            "title": "bundle: what is published beside the manifest",
            "state": "done" if done["bundle"] else "open",
            "said": clean(name) if done["bundle"] else "",
            "actions": [] if done["bundle"] else [{"act": "bundle", "label": "Bundle", "off": off}],
            "code": self._opened("release.bundle()"),
        }

    def _opened(self, then: str = "") -> str:
        """Return the code that opens the release and does something with it."""
        release = self.release
        if release is None:
            return ""
        named: dict[str, object] = {"roots": list(release.roots)} if release.roots else {}
        named |= {
            name: value
            for name in ("previous", "revocations")
            if (value := getattr(release, name)) is not None
        }
        words = [repr(release.manifest), *(f"{name}={value!r}" for name, value in named.items())]
        lines = [f"release = lab.release({', '.join(words)})", *filter(None, [then])]
        return clean("\n".join(lines), lines=True)

    # --- what is asked --------------------------------------------------------------------

    def told_acknowledge(self, said: Mapping[str, Any]) -> None:
        """Take down that a risk was read, or was not."""
        key, on = said.get("id"), said.get("on")
        if not isinstance(key, str) or self.release is None:
            return
        meant = [key]
        if key.endswith(MORE):
            rest = self.release.changes().risks[MOST_RISKS:]
            meant = [words_of(risk) for risk in rest if risk.code == key.removesuffix(MORE)]
        try:
            self.release.acknowledge(*meant, undo=on is not True)
        finally:
            # A box is as the file says, whatever a page thinks.
            self._seen = self._now()
            self._show()
        self.send({"did": ""})

    def told_act(self, said: Mapping[str, Any]) -> None:
        """Do a step."""
        word, given = said.get("act"), said.get("fields")
        if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
            return
        if word == "choose":
            self._choose(given)
        elif self.release is not None:
            act = getattr(self, f"_act_{word}", None)
            if act is None:
                return
            try:
                act(self.release, given)
            finally:
                # What failed may have left a file all the same.
                self._seen = self._now()
                self._show()
        self.send({"did": "done"})

    def _choose(self, given: Mapping[str, str]) -> None:
        manifest = given.get("manifest", "").strip()
        if not manifest:
            raise UsageError("no manifest is named", fix="one that manifest pack has written")
        found = self.lab.release(
            manifest,
            roots=_listed(given.get("roots", "")),
            previous=given.get("previous", "").strip() or None,
            revocations=given.get("revocations", "").strip() or None,
            now=None if self.release is None else self.release.now,
        )
        found.changes()
        self.release, self._found, self._taken = found, None, ()
        self._seen = self._now()
        self._show()

    def _act_propose(self, release: ReleaseOnItsWay, given: Mapping[str, str]) -> None:
        left = release.risks().left
        if left:
            raise UsageError(_off(left), fix="release.acknowledge(...), or tick them above")
        text = given.get("days", "").strip()
        try:
            days = float(text) if text else None
        except ValueError:
            raise UsageError(f"expected a number of days, found {text!r}", fix="30") from None
        release.propose(days=days)

    def _act_sign(self, release: ReleaseOnItsWay, given: Mapping[str, str]) -> None:
        self._key = given.get("key", "").strip()
        if not self._key:
            raise UsageError("no key is named", fix="the file of your private key, in PEM")
        release.sign(self._key, passphrase=in_a_cell(self._key))

    def _act_assemble(self, release: ReleaseOnItsWay, given: Mapping[str, str]) -> None:
        self._taken = _listed(given.get("responses", ""))
        found = release.assemble(self._taken)
        refused = [answer for answer in found.answers if answer.state == "refused"]
        if refused:
            self.send({"failed": _view(found.view())})

    def _act_verify(self, release: ReleaseOnItsWay, _: Mapping[str, str]) -> None:
        self._found = release.verify()

    def _act_bundle(self, release: ReleaseOnItsWay, _: Mapping[str, str]) -> None:
        release.bundle()

    # --- the snapshot ---------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return that of the release."""
        return {"manifest": None} if self.release is None else self.release.as_dict()

    def view(self) -> View:
        """Return how the release stands, and what becomes of this picture."""
        note = Note("as it was when this was shown; the live steps need the kernel")
        if self.release is None:
            return View("release", "release: no manifest is chosen", (note,))
        found = self.release.view()
        return replace(found, blocks=(*found.blocks, note))


def release(lab: Lab[Any], manifest: Any = None, **files: Any) -> Release:
    """Return the steps of a release, which follow its files."""
    if lab is None:
        raise UsageError("there is no lab to make a release in", fix="lab = Lab.open()")
    found = manifest
    if manifest is not None and not isinstance(manifest, ReleaseOnItsWay):
        found = lab.release(manifest, **files)
    made = Release(lab, found)
    follow(lab, made, "release")
    return made


def _off(left: Sequence[Risk]) -> str:
    """Return why nothing is proposed yet."""
    return f"{len(left):,} risk{'s are' if len(left) > 1 else ' is'} to be acknowledged first"


def _checks(found: Acknowledged, *, proposed: bool) -> list[dict[str, Any]]:
    """Return a box for each risk: what it is, what is asked of it, and whether it was read.

    Of very many the rest stands kind by kind: nobody reads thousands here, and `lab.ui.diff`
    shows them.
    """
    risks = found.changes.risks
    out = [
        {
            "id": words_of(risk),
            "tone": risk.kind.tone,
            "about": short(f"{risk.code} {risk.target}".strip()),
            "text": short(risk.message),
            "ask": risk.kind.ask,
            "on": proposed or words_of(risk) in found.read,
        }
        for risk in risks[:MOST_RISKS]
    ]
    rest: dict[str, list[Risk]] = {}
    for risk in risks[MOST_RISKS:]:
        rest.setdefault(risk.code, []).append(risk)
    for code, some in rest.items():
        kind = some[0].kind
        told = {"id": code + MORE, "tone": kind.tone, "about": code, "ask": kind.ask}
        text = f"{len(some):,} more, which lab.ui.diff(release.changes()) shows"
        on = proposed or all(words_of(risk) in found.read for risk in some)
        out.append({**told, "text": text, "on": on})
    return [{**one, "fixed": proposed} for one in out]


def _policy(root: Root) -> View:
    """Return who may sign a release, and what it needs."""
    role = root.roles["release"]
    rows = tuple((name, ", ".join(globs)) for name, globs in role.signers.items())
    needs = Note(f"{role.threshold} of {len(rows)} have to sign", "info")
    table = Table(("signer", "of"), rows)
    return View("policy", f"root {root.version}, sha256:{root.sha256}", (needs, table))


def _stat(path: Any) -> Any:
    try:
        return path.stat()
    except OSError:
        return None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one for part in text.split(",") if (one := part.strip()))


def _view(view: View | None) -> dict[str, object] | None:
    return None if view is None else told_view(view, rows=MOST_ROWS)
