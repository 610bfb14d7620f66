"""What is wrong with a manifest's tree: all of it at once, each with its path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from oneiric_lab.config import expected, found, render_path, tree_path
from oneiric_lab.errors import did_you_mean

from ._checks import REFUSED
from ._schema import PARTS, PATTERNS, SCHEMA, Dag, ManifestDocument, ManifestEntry, adapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import TypeAdapter

    Path = tuple[str | int, ...]

_AT_A_TIME = 256
"""Entries of which there is a copy while they are judged."""

_EXAMPLES = {
    "schema": "3",
    "project": "shop",
    "channel": "stable",
    "version": "1",
    "entries": "[]",
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "factory": "package.module:name",
    "uri": "https://example.com/shop-1.0.whl",
    "sha256": "what `sha256sum FILE` prints",
    "size": "the number of bytes",
    "name": "ttl",
    "path": "payload.order.total",
    "id": "first",
    "task": "send-mail",
    "nodes": "one table for each step",
}


@dataclass(frozen=True, slots=True)
class TreeFault:
    """One thing that is wrong in a tree.

    Attributes:
        code: Stable name.
        message: What was expected, what was found, and the path.
        path: Where.
        key: Whether the name itself is wrong, not its value.
        fix: What helps.
        secret: Whether its line may hold a secret, and is not shown.
    """

    code: str
    message: str
    path: Path
    key: bool = False
    fix: str | None = None
    secret: bool = False


def tree_faults(tree: Mapping[str, Any]) -> list[TreeFault]:
    """Return everything that keeps *tree* from being a manifest of schema 3, in its order."""
    faults = [*_of_parts(tree), *_unknown(tree, ManifestDocument, ())]
    if not faults:
        faults = [*_between(tree)]
    return faults


class Judge:
    """Tells of a manifest's entries, run by run, whether they are without a fault.

    It says yes or no and keeps 70 bytes of each entry. Who needs to know what is wrong asks
    `tree_faults`, of the whole tree.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def takes(self, first: int, entries: list[Any]) -> bool:
        """Tell whether a run is sound, beside those that it was shown before.

        Of two entries with one identity it says no; of two whose identities have one hash as
        well, which the whole tree then clears up.

        Args:
            first: Number of the first one; 0 begins anew.
            entries: The run.
        """
        if not first:
            self._seen = set()
        for start in range(0, len(entries), _AT_A_TIME):
            part = {**_HEAD, "entries": entries[start : start + _AT_A_TIME]}
            try:
                adapter().validate_python(part, strict=True)
            except ValidationError:
                return False
        if not _knows(entries, ManifestEntry):
            return False
        self._seen.update([hash(IDENTITY(entry)) for entry in entries])
        if len(self._seen) != first + len(entries):
            return False
        return not any(any(_within(one, ())) for one in entries if not _INNER.isdisjoint(one))


_HEAD = {"schema": SCHEMA, "project": "x", "channel": "x", "version": 1}
IDENTITY = itemgetter("domain", "key", "provider", "version")
"""What tells an entry from all others."""


def _knows(items: Iterable[Mapping[str, Any]], shape: type) -> bool:
    """Tell whether all names in sound *items* are those of *shape*, or anybody's."""
    known = _known(shape)
    for item in items:
        if not known.issuperset(item) and not all(n in known or _own(n) for n in item):
            return False
    for name, part in PARTS.get(shape, _NO_PARTS).items():
        inner = [item[name] for item in items if name in item]
        if inner and type(inner[0]) is list:
            inner = [*chain.from_iterable(inner)]
        if inner and not _knows(inner, part):
            return False
    return True


def dag_faults(dag: Mapping[str, Any], path: Path = ()) -> list[TreeFault]:
    """Return everything that keeps *dag* from being the steps of a workflow, in its order.

    Args:
        dag: What stands at *path*, in whatever document.
        path: Where it stands there.
    """
    faults = [*_of_types(dag, adapter(Dag), path), *_unknown(dag, Dag, path)]
    if not faults:
        faults = [*_steps(dag, path)]
    return faults


def _of_parts(tree: Mapping[str, Any]) -> list[TreeFault]:
    """Return what is not of its type, by parts: a validation makes a copy of what it takes."""
    entries, types = tree.get("entries"), adapter()
    if not isinstance(entries, list) or len(entries) <= _AT_A_TIME:
        return _of_types(tree, types)
    faults = []
    for start in range(0, len(entries), _AT_A_TIME):
        part = {**tree, "entries": entries[start : start + _AT_A_TIME]}
        # What stands beside the entries is judged with the first of them.
        faults += [
            one
            for one in _of_types(part, types, start=start)
            if start == 0 or one.path[0] == "entries"
        ]
    return faults


def _of_types(
    tree: Mapping[str, Any], types: TypeAdapter[Any], above: Path = (), *, start: int = 0
) -> list[TreeFault]:
    try:
        types.validate_python(tree, strict=True)
    except ValidationError as error:
        grouped: dict[Path, list[dict[str, Any]]] = {}
        for detail in error.errors(include_url=False):
            path = (*above, *tree_path(detail["loc"], tree))
            if detail["type"] == "missing":
                path = (*path, *detail["loc"][-1:])
            if start and path[0] == "entries":
                path = ("entries", start + int(path[1]), *path[2:])
            grouped.setdefault(path, []).append(dict(detail))
        return [_of_type(path, details) for path, details in grouped.items()]
    return []


def _of_type(path: Path, details: list[dict[str, Any]]) -> TreeFault:
    kind, context = details[0]["type"], details[0].get("ctx", {})
    shown, name = render_path(path), str(path[-1])
    if kind == "missing":
        return TreeFault("missing-value", f"missing value: {shown}", path, fix=_example(path))
    fix = None
    if path == ("schema",):
        wanted, fix = f"schema {SCHEMA}", "write schema: 3, or read it with a newer release of ours"
    elif kind == REFUSED:
        wanted, fix = context["wanted"], context["fix"]
    elif kind == "string_pattern_mismatch":
        wanted, fix = PATTERNS[context["pattern"]]
    elif kind == "too_short":
        wanted = "a list that is not empty"
    elif kind == "string_too_short":
        wanted, fix = "a text that is not empty", f"leave {name} out"
    elif kind in _BOUNDS:
        wanted = f"a number of {_BOUNDS[kind]} {_plain(*context.values())}"
    else:
        wanted = " or ".join(dict.fromkeys(map(expected, details)))
        value = details[0]["input"]
        if kind == "literal_error" and isinstance(value, str):
            fix = did_you_mean(value, re.findall(r"'([^']+)'", context["expected"]))
    secret = bool(context.get("secret"))
    got = "one with a user name" if secret else found(details[0]["input"])
    # pydantic marks what it says of the key of a table.
    key = details[0]["loc"][-1:] == ("[key]",)
    message = f"expected {wanted}, got {got}: {shown}"
    return TreeFault("invalid-value", message, path, key=key, fix=fix, secret=secret)


def _plain(number: float) -> str:
    return str(int(number) if number == int(number) else number)


_BOUNDS = {"greater_than_equal": "at least", "less_than_equal": "at most"}


def _example(path: Path) -> str:
    name = str(path[-1])
    if name == "version" and len(path) > 1:
        return "say it, as in version: 1.2.0"
    return f"say it, as in {name}: {_EXAMPLES[name]}"


def _unknown(tree: object, shape: type, path: Path) -> list[TreeFault]:
    """Return the names that a shape does not have; those that begin with `x-` are anybody's."""
    if not isinstance(tree, dict):
        return []
    out: list[TreeFault] = []
    known = _known(shape)
    if not known.issuperset(tree):
        out = [_unknown_key((*path, n), known) for n in tree if n not in known and not _own(n)]
    for name, part in PARTS.get(shape, _NO_PARTS).items():
        inner = tree.get(name)
        if inner is None:
            continue
        if isinstance(inner, list):
            for index, item in enumerate(inner):
                out += _unknown(item, part, (*path, name, index))
        else:
            out += _unknown(inner, part, (*path, name))
    return out


_NO_PARTS: dict[str, type] = {}


@cache
def _known(shape: type) -> frozenset[str]:
    return frozenset(shape.__annotations__)


def _own(name: object) -> bool:
    return isinstance(name, str) and name.startswith("x-") and len(name) > len("x-")


def _unknown_key(path: Path, known: Iterable[str]) -> TreeFault:
    fix = f"{did_you_mean(str(path[-1]), known)}; names of your own begin with x-"
    return TreeFault("unknown-key", f"unknown key: {render_path(path)}", path, key=True, fix=fix)


# --- what one value says about another ------------------------------------------------------


def _between(tree: Mapping[str, Any]) -> Iterator[TreeFault]:
    """Yield what no type can tell; *tree* has no other fault."""
    seen: dict[tuple[str, ...], int] = {}
    for index, entry in enumerate(tree["entries"]):
        path: Path = ("entries", index)
        identity = IDENTITY(entry)
        first = seen.setdefault(identity, index)
        if first != index:
            domain, key, provider, version = identity
            yield TreeFault(
                "duplicate-entry",
                f"entries[{first}] says {domain}:{key} ({provider} {version}) already: "
                f"{render_path(path)}",
                path,
                fix="remove one of the two, or give it a version of its own",
            )
        yield from _within(entry, path)


_INNER = frozenset({"event", "dag", "retry_policy"})
"""Parts of an entry of which no type can tell all."""


def _within(entry: Mapping[str, Any], path: Path) -> Iterator[TreeFault]:
    """Yield what one value within an entry says against another."""
    for name in ("event", "dag"):
        domain = "workflow" if name == "dag" else name
        if name in entry and entry["domain"] != domain:
            yield TreeFault(
                "wrong-domain",
                f"only the domain {domain} has it, this is {entry['domain']}: "
                f"{render_path((*path, name))}",
                (*path, name),
                key=True,
                fix=f"remove it, or write domain: {domain}",
            )
    if "retry_policy" in entry:
        yield from _retries(entry["retry_policy"], (*path, "retry_policy"))
    if "event" in entry:
        yield from _filters(entry["event"], (*path, "event"))
    if "dag" in entry:
        yield from _steps(entry["dag"], (*path, "dag"))


def _retries(policy: Mapping[str, Any], path: Path) -> Iterator[TreeFault]:
    least, most = policy.get("base_delay", 0), policy.get("max_delay")
    if most is not None and most < least:
        inside = (*path, "max_delay")
        yield TreeFault(
            "invalid-value",
            f"expected at least the base_delay of {least}, got {most}: {render_path(inside)}",
            inside,
            fix="the longest wait is no shorter than the first",
        )


def _filters(event: Mapping[str, Any], path: Path) -> Iterator[TreeFault]:
    for index, test in enumerate(event.get("filters", ())):
        inside = (*path, "filters", index)
        if not test.keys() & {"equals", "any_of", "exists"}:
            yield TreeFault(
                "missing-value",
                f"expected equals, any_of or exists, got a path alone: {render_path(inside)}",
                inside,
                fix="say what the value must be, as in exists: true",
            )


def _steps(dag: Mapping[str, Any], path: Path) -> Iterator[TreeFault]:
    nodes = dag["nodes"]
    ids = {node["id"]: index for index, node in reversed([*enumerate(nodes)])}
    for index, node in enumerate(nodes):
        inside = (*path, "nodes", index)
        if ids[node["id"]] != index:
            yield TreeFault(
                "duplicate-step",
                f"the step {node['id']} stands twice: {render_path((*inside, 'id'))}",
                (*inside, "id"),
                fix="give each step a name of its own",
            )
        for place, name in enumerate(node.get("depends_on", ())):
            if name not in ids:
                where = (*inside, "depends_on", place)
                yield TreeFault(
                    "unknown-step",
                    f"no step is called {name}: {render_path(where)}",
                    where,
                    fix=did_you_mean(name, ids),
                )
        if "retry_policy" in node:
            yield from _retries(node["retry_policy"], (*inside, "retry_policy"))
    circle = _circle({node["id"]: node.get("depends_on", ()) for node in nodes})
    if circle:
        yield TreeFault(
            "circle-of-steps",
            f"steps wait for each other, {' -> '.join(circle)}: {render_path((*path, 'nodes'))}",
            (*path, "nodes", ids[circle[0]]),
            fix="take one depends_on out",
        )


def _circle(needs: Mapping[str, Any]) -> list[str]:
    """Return the names of steps that wait for each other, the first again at the end."""
    from graphlib import CycleError, TopologicalSorter  # noqa: PLC0415 - few manifests have steps

    known = {name: [n for n in before if n in needs] for name, before in needs.items()}
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        return [str(name) for name in reversed(error.args[1])]
    return []
