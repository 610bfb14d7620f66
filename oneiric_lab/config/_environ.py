"""Variables of the environment, files of variables, and `--set`: text becomes paths.

Text is never guessed into a number or a list: it stays text where the field takes text,
is read as TOML where the field takes a list or a table, and is otherwise left to the
field's own type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_origin

from oneiric_lab.errors import Fault, Origin, ParseError, did_you_mean

from ._formats import parse
from ._paths import get, parse_path, put, render_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._paths import Path
    from ._schema import FieldInfo, SchemaInfo

# All but it is no TOML, which most texts are told by in a tenth of the time.
_BEGINS_A_VALUE = frozenset("\"'[{+-0123456789tfin")

BUILT_IN_PREFIX = "ONEIRIC_"

OWN_MEANING: dict[str, str] = {
    "ONEIRIC_CONFIG": "one more configuration file, as --config",
    "ONEIRIC_PROFILE": "active profiles, separated by commas",
    "ONEIRIC_STACK_ORDER": "packages, the most important first, separated by commas",
    "ONEIRIC_STATE_DIR": "folder of the user's own state",
    "ONEIRIC_CI": "set where a skipped test is a failure",
    "ONEIRIC_GOLDEN": "`write` rebuilds golden files",
}
"""Variables that are no path of a value, with what they mean."""

REPLACED: dict[str, str] = {
    "ONEIRIC_MODE": "profiles stack; use ONEIRIC_PROFILE",
    "ONEIRIC_FACTORY_ALLOWLIST": "plugins.allow_factories",
    "ONEIRIC_TRUSTED_PUBLIC_KEYS": "a root in trust.toml",
    "ONEIRIC_SERVERLESS": "a profile that switches watchers off",
    "ONEIRIC_ACTIVITY_STORE": "the workspace's store keeps activity",
    "ONEIRIC_LOG_LEVEL": "ONEIRIC_LOGGING__LEVEL",
}
"""Upstream's variables that are taken and no longer mean anything, with what replaced them."""


def read_variables(
    environ: Mapping[str, str],
    prefix: str,
    schema: SchemaInfo,
    *,
    layer: str,
    file: str | None = None,
) -> tuple[dict[str, Any], dict[Path, str], list[Fault]]:
    """Return the tree that the variables with *prefix* make, their names, and faults.

    Args:
        environ: All variables; those without the prefix are passed over.
        prefix: In capitals, with its final underscore.
        schema: The fields they may set.
        layer: The layer's name, for messages.
        file: The file they stand in, for a dotenv file.
    """
    tree: dict[str, Any] = {}
    names: dict[Path, str] = {}
    faults: list[Fault] = []
    known = schema.variables(prefix)
    for name in sorted(environ):
        if not name.startswith(prefix) or _has_own_meaning(name):
            continue
        info = known.get(name)
        path = info.path if info is not None else _wild(name, prefix, schema)
        info = None if path is None else schema.find(path)
        if path is None or info is None:
            faults.append(_unknown(name, prefix, list(known), Origin(layer, file, name=name)))
            continue
        whole = next(
            (p for d in range(1, len(path)) if not isinstance(get(tree, p := path[:d], {}), dict)),
            None,
        )
        if whole is not None:
            faults.append(
                Fault(
                    "whole-and-part",
                    f"{name} says a part of what {names[whole]} says as a whole",
                    Origin(layer, file, name=name),
                    why=f"{render_path(whole)} cannot be a text and a table at once",
                    fix="set one of the two",
                )
            )
            continue
        tree = put(tree, path, from_text(environ[name], info))
        names[path] = name
    return tree, names, faults


def _has_own_meaning(name: str) -> bool:
    return name in OWN_MEANING or name in REPLACED or name.startswith("ONEIRIC_SECRET_")


def _wild(name: str, prefix: str, schema: SchemaInfo) -> Path | None:
    """Return the path of a variable that names a key of a mapping, in lower case."""
    parts = tuple(name[len(prefix) :].lower().split("__"))
    return parts if all(parts) and schema.find(parts) is not None else None


def _unknown(name: str, prefix: str, known: list[str], origin: Origin) -> Fault:
    folded = name.replace("__", "_")
    same = [other for other in known if other.replace("__", "_") == folded]
    if same:
        why, fix = "nested keys use two underscores", f"did you mean `{same[0]}`?"
    else:
        why = f"every variable with the prefix {prefix} names a field"
        fix = did_you_mean(name, known, limit=5) or f"use another prefix than {prefix}"
    return Fault("unknown-variable", f"unknown variable {name}", origin, why=why, fix=fix)


def from_text(text: str, info: FieldInfo) -> object:
    """Return *text* as the field takes it: TOML for lists and tables, else the text itself."""
    stripped = text.strip()
    if (stripped.startswith("[") and _wants_list(info)) or (
        info.table and stripped.startswith("{")
    ):
        return _toml(stripped, text)
    return text


def _toml(said: str, text: str) -> object:
    """Return what *said* is in TOML, or *text* where it is none, or nests too deep."""
    if said.lstrip(" \t")[:1] not in _BEGINS_A_VALUE:
        return text
    try:
        # A byte that is no UTF-8 is refused with the rest.
        data = f"v = {said}".encode(errors="surrogatepass")
        return parse(data, format="toml", name="", layer="").tree["v"]
    except ParseError:
        return text


def _wants_list(info: FieldInfo) -> bool:
    from ._schema import _members as members  # noqa: PLC0415 - typing helpers, only here

    return any(get_origin(m) in {list, tuple, set, frozenset} for m in members(info.annotation))


def read_sets(
    sets: Sequence[str], schema: SchemaInfo
) -> tuple[dict[str, Any], dict[Path, str], list[Fault]]:
    """Return the tree of `--set path=value` options, their names, and faults.

    A value is typed by its field; where the schema does not know the path, it is read as
    TOML if it is TOML, else as text.
    """
    tree: dict[str, Any] = {}
    names: dict[Path, str] = {}
    faults: list[Fault] = []
    for text in sets:
        name, equals, value = text.partition("=")
        origin = Origin("set", name=f"--set {text if not equals else name}")
        if not equals:
            faults.append(
                Fault(
                    "bad-set",
                    f"expected path=value, found {text!r}",
                    origin,
                    fix="--set server.port=9090",
                )
            )
            continue
        try:
            path = parse_path(name.strip())
        except Exception as error:  # noqa: BLE001 - only UsageError comes from parse_path
            faults.append(
                Fault("bad-set", f"{name!r} is no path", origin, why=str(error).splitlines()[0])
            )
            continue
        tree = put(tree, path, read_value(value, schema.find(path)))
        names[path] = f"--set {render_path(path)}"
    return tree, names, faults


def read_value(text: str, info: FieldInfo | None) -> object:
    """Return the value that *text* means for a field; TOML where no field is known."""
    if info is not None and not (info.table and info.annotation is Any):
        return from_text(text, info)
    return _toml(text, text)


_QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)\"""")
_ESCAPE = re.compile(r"\\(.)")


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1] if match[1] in '"\\' else match[0]


def parse_dotenv(text: str) -> list[tuple[str, str, int]]:
    """Return name, value and line of each assignment of a dotenv file.

    Lines are `NAME=value`, with an optional `export`; a value may stand in single quotes
    (as it is) or double quotes (with backslash escapes); `#` starts a comment at the start
    of a line or behind a blank.

    Raises:
        ValueError: With the line number as its first argument and the reason as second.
    """
    out: list[tuple[str, str, int]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        line = line.removeprefix("export ").lstrip()
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.replace("_", "a").isalnum():
            raise ValueError(number, "expected NAME=value")
        if value[:1] in {"'", '"'}:
            match = _QUOTED.match(value)
            if match is None:
                raise ValueError(number, f"the value of {name} has no closing quote")
            text, escaped = match["single"], match["double"]
            value = text if escaped is None else _ESCAPE.sub(_unescaped, escaped)
        else:
            value = value.split(" #", 1)[0].rstrip()
        out.append((name, value, number))
    return out
