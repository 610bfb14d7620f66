"""What a change would do, worked out before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import (
    Fault,
    OneiricError,
    Origin,
    SecretError,
    UnknownProfileError,
    UsageError,
    did_you_mean,
)
from oneiric_lab.files import ABSENT, digest, read, stat_key

from ._edit import edit
from ._environ import read_value
from ._formats import parse
from ._inputs import SessionValue
from ._layers import LOCAL, PROFILE, PROJECT, SESSION, USER, Document
from ._load import load
from ._paths import get, leaves, parse_path, render_path
from ._secrets import Secret, SecretRef
from ._snapshot import Snapshot, plain
from ._splice import Set, Unset
from ._validate import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path as FilePath

    from ._layers import Layer
    from ._paths import Path


@dataclass(frozen=True, slots=True)
class ValueChange:
    """An effective value that a change alters; None stands for a value that is not there."""

    path: str
    old: object
    new: object
    old_origin: Origin | None
    new_origin: Origin | None

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "path": self.path,
            "old": self.old,
            "new": self.new,
            "old_origin": None if self.old_origin is None else self.old_origin.as_dict(),
            "new_origin": None if self.new_origin is None else self.new_origin.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file as it is and as it would be; `before` is None for a new one."""

    path: FilePath
    shown: str
    before: bytes | None
    after: bytes

    @property
    def expect(self) -> str:
        """What the file must hold when it is written."""
        return ABSENT if self.before is None else digest(self.before)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next snapshot, unpublished, and what leads to it.

    Attributes:
        now: The snapshot it starts from.
        next: The snapshot it leads to, None where there are errors.
        changes: What was asked for.
        layer: Where it would be said.
        values: Effective values that change.
        problems: Errors that forbid it, and warnings that do not.
        files: What would be written.
    """

    now: Snapshot
    next: Snapshot | None
    changes: tuple[Set | Unset, ...]
    layer: str
    values: tuple[ValueChange, ...]
    problems: tuple[Fault, ...]
    files: tuple[FileEdit, ...]


def read_changes(
    snapshot: Snapshot,
    changes: Mapping[str, object] | Sequence[str] | str,
    unset: Sequence[str] = (),
    source: str = "<plan>",
) -> tuple[Set | Unset, ...]:
    """Return *changes* as edits.

    Args:
        snapshot: Whose schema types the texts.
        changes: Path to value; or `path=value` texts; or one TOML text.
        unset: Paths to remove.
        source: How messages call the TOML text, such as its file.

    Raises:
        ParseError: The TOML text is none.
        UsageError: A text is no `path=value`, or a path is none.
    """
    out: list[Set | Unset] = []
    if isinstance(changes, str):
        tree = parse(changes.encode(), format="toml", name=source, layer="").tree
        out += [Set(path, value) for path, value in leaves(tree) if path]
    elif hasattr(changes, "items"):
        out += [Set(parse_path(path), value) for path, value in changes.items()]
    else:
        for text in changes:
            name, equals, value = text.partition("=")
            if not equals:
                raise UsageError(
                    Fault("bad-set", f"expected path=value, found {text!r}", fix="server.port=9090")
                )
            path = parse_path(name.strip())
            out.append(Set(path, _typed(snapshot, path, value)))
    out += [Unset(parse_path(path)) for path in unset]
    return tuple(out)


def _typed(snapshot: Snapshot, path: Path, text: str) -> object:
    """Return *text* as a value to be written: a number where the field takes no text."""
    info = snapshot.field(path)
    value = read_value(text, info)
    if not isinstance(value, str) or info is None:
        return value
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - loaded with the snapshot

    try:
        typed = TypeAdapter(info.annotation).validate_strings(value)
    except (ValidationError, TypeError, ValueError):
        return value
    return typed if isinstance(typed, bool | int | float) else value


def propose(
    snapshot: Snapshot,
    changes: Mapping[str, object] | Sequence[str] | str,
    *,
    layer: str = "session",
    unset: Sequence[str] = (),
    name: str = "session",
    source: str = "<plan>",
) -> Proposal:
    """Return what *changes* would do in *layer*; nothing is written or published.

    Args:
        snapshot: Where things stand.
        changes: As `read_changes` takes them.
        layer: `session`, `project`, `local`, `user`, `profile:NAME`, or the path of a file
            that is a layer already.
        unset: Paths to remove from the layer.
        name: How messages call a session value, such as `cell [12]`.
        source: How messages call a TOML text, such as its file.

    Raises:
        UsageError: There is no such layer, or it cannot be written.
        SecretError: A revealed secret, or the text of a secret field, would be written.
    """
    edits = read_changes(snapshot, changes, unset, source)
    for change in edits:
        if isinstance(change, Set) and (found := _secret_in(snapshot, change, layer)) is not None:
            raise SecretError(
                f"{render_path(found)}: a secret is never written",
                fix="write ${secret:id} in its place, and keep it where `secrets` looks for it",
            )
    files: tuple[FileEdit, ...] = ()
    try:
        if layer == "session":
            after = load(_with_session(snapshot, edits, name), previous=snapshot)
        else:
            files, documents = _files(snapshot, edits, layer)
            after = load(snapshot.inputs, previous=replace(snapshot, documents=documents))
    except UsageError:
        raise
    except OneiricError as error:
        return Proposal(snapshot, None, edits, layer, (), error.faults, files)
    values = changed_values(snapshot, after)
    problems = tuple(_shadowed(after, edits, layer))
    return Proposal(snapshot, after, edits, layer, values, problems, files)


def _secret_in(snapshot: Snapshot, change: Set, layer: str) -> Path | None:
    """Return the path of what *change* would write and nobody may see."""
    said = [((*change.path, *rest), value) for rest, value in leaves(change.value)]
    for path, value in said:
        if isinstance(value, list):
            said += [((*path, n), item) for n, item in enumerate(value)]
            continue
        if isinstance(value, Secret | SecretRef):
            return path
        if layer == "session" or value in (None, "") or not _is_secret(snapshot, path):
            continue
        if not (isinstance(value, str) and REFERENCE.search(value)):
            return path
    return None


def _is_secret(snapshot: Snapshot, path: Path) -> bool:
    infos = (snapshot.field(path[:depth]) for depth in range(1, len(path) + 1))
    return any(info is not None and info.secret for info in infos)


def rebase(proposal: Proposal, snapshot: Snapshot) -> Snapshot:
    """Return what the changes of *proposal* lead to from *snapshot*, a later one.

    What others changed meanwhile stays.

    Raises:
        InvalidConfigError: Together with that they do not fit.
    """
    after = proposal.next
    if after is None or proposal.now is snapshot:
        return after or snapshot
    if proposal.layer == "session":
        names = {value.path: value.name for value in after.inputs.session}
        name = next(
            (names[p] for c in proposal.changes if (p := render_path(c.path)) in names), "session"
        )
        return load(_with_session(snapshot, proposal.changes, name), previous=snapshot)
    documents = {file.path: after.documents[file.path] for file in proposal.files}
    previous = replace(snapshot, documents={**snapshot.documents, **documents})
    return load(snapshot.inputs, previous=previous)


def _with_session(snapshot: Snapshot, edits: Sequence[Set | Unset], name: str) -> Any:
    values = {value.path: value for value in snapshot.inputs.session}
    for change in edits:
        text = render_path(change.path)
        values.pop(text, None)
        if isinstance(change, Set):
            values[text] = SessionValue(text, change.value, name)
    return replace(snapshot.inputs, session=tuple(values.values()))


def _files(
    snapshot: Snapshot, edits: Sequence[Set | Unset], layer: str
) -> tuple[tuple[FileEdit, ...], dict[FilePath, Document]]:
    path, base = _target(snapshot, layer)
    shown = path.name
    for found in snapshot.layers:
        if found.document is not None and found.document.path == path:
            shown = found.document.shown
    if path.suffix not in {".toml", ".tml"}:
        raise UsageError(
            f"{shown} is not TOML, and only TOML is written",
            fix="--layer local writes oneiric.local.toml",
        )
    before = None
    if stat_key(path) is not None:
        before = read(path, shown=shown).data
    text = "" if before is None else parse(before, format="toml", name=shown, layer=layer).text
    moved = [
        Set((*base, *e.path), e.value) if isinstance(e, Set) else Unset((*base, *e.path))
        for e in edits
    ]
    after = edit(text, moved, shown=shown).encode()
    if before is not None and before.startswith(b"\xef\xbb\xbf"):
        after = b"\xef\xbb\xbf" + after
    parsed = parse(after, format="toml", name=shown, layer=layer)
    documents = dict(snapshot.documents)
    documents[path] = Document(path, shown, parsed, digest(after), stat_key(path))
    files = () if after == before else (FileEdit(path, shown, before, after),)
    return files, documents


def _target(snapshot: Snapshot, layer: str) -> tuple[FilePath, Path]:
    """Return the file that *layer* is written to, and the table inside it."""
    root = snapshot.inputs.root
    if layer == "project":
        return snapshot.project_file, ()
    if layer == "local":
        return root / "oneiric.local.toml", ()
    if layer == "user" and snapshot.inputs.user_dir is not None:
        return snapshot.inputs.user_dir / "oneiric.toml", ()
    if layer.startswith("profile:"):
        name = layer.removeprefix("profile:")
        if name not in snapshot.known_profiles:
            raise UnknownProfileError(
                Fault(
                    "unknown-profile",
                    f"unknown profile `{name}`",
                    fix=did_you_mean(name, snapshot.known_profiles) or "write its file first",
                )
            )
        file = root / f"oneiric.{name}.toml"
        return (file, ()) if file.exists() else (snapshot.project_file, ("profiles", name))
    for found in snapshot.layers:
        if found.document is not None and not found.base and _is(found, layer):
            return found.document.path, ()
    known = [
        "session",
        "project",
        "local",
        "user",
        *(f"profile:{p}" for p in snapshot.known_profiles),
    ]
    raise UsageError(
        Fault(
            "unknown-layer",
            f"no layer `{layer}` can be written",
            fix=did_you_mean(layer, known, limit=9),
        )
    )


def layer_rank(layer: str, snapshot: Snapshot) -> int:
    """Return how high the values stand that `propose` puts into *layer*."""
    for found in snapshot.layers:
        if _is(found, layer):
            return found.rank
    known = {"project": PROJECT, "local": LOCAL, "user": USER, "session": SESSION}
    return known.get(layer, PROFILE)


def changed_values(old: Snapshot, new: Snapshot) -> tuple[ValueChange, ...]:
    """Return every effective value in which *new* differs from *old*, sorted by path."""
    before, after = _effective(old), _effective(new)
    out = []
    for path in sorted({*before, *after}, key=render_path):
        a, b = before.get(path), after.get(path)
        if a == b and (path in before) == (path in after):
            continue
        out.append(
            ValueChange(
                render_path(path),
                a,
                b,
                old.origin(path) if path in before else None,
                new.origin(path) if path in after else None,
            )
        )
    return tuple(out)


def _effective(snapshot: Snapshot) -> dict[Path, object]:
    tree: dict[str, Any] = plain(snapshot.settings)
    own = plain(snapshot.config)
    # A table that holds nothing is no value: filling it changes what is put in, not it.
    return {path: value for path, value in leaves({**tree, **own}) if value != {}}


def _shadowed(after: Snapshot, edits: Sequence[Set | Unset], layer: str) -> list[Fault]:
    out = []
    for change in edits:
        if isinstance(change, Unset) or isinstance(change.value, dict):
            continue
        above = takewhile(lambda found: not _is(found, layer), reversed(after.layers))
        found = next((one for one in above if one.holds(change.path)), None)
        if found is not None and get(found.tree, change.path) != change.value:
            out.append(
                Fault(
                    "shadowed",
                    f"{render_path(change.path)} would not change:"
                    f" layer {found.name} stands above {layer}",
                    found.origin(change.path),
                    fix=f"set it in layer {found.name}",
                    severity="warning",
                )
            )
    return out


def _is(found: Layer, layer: str) -> bool:
    """Tell whether *layer* names *found*, by its name or by its file."""
    document = found.document
    return layer == found.name or (
        document is not None and layer in {document.shown, str(document.path)}
    )
