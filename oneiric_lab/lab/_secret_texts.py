"""Every text that is secret in a workspace, so that logs can be kept free of it."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from oneiric_lab.config import Secret, SecretRef, leaves
from oneiric_lab.errors import OneiricError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oneiric_lab.config import Snapshot

_MOST = 65_536
_SHORT = 4
_VARIABLE = "ONEIRIC_SECRET_"


def secret_texts(snapshot: Snapshot) -> Iterator[str]:
    """Yield the secrets of the environment, of the folder of secrets, and of all values.

    One that cannot be read now is left out: nobody could have logged it.
    """
    inputs = snapshot.inputs
    yield from (v for k, v in inputs.environ.items() if k.startswith(_VARIABLE))
    folder = inputs.root / (snapshot.settings.secrets.directory or "secrets")
    if folder.is_dir():
        for path in folder.iterdir():
            try:
                if path.is_file() and path.stat().st_size <= _MOST:
                    yield path.read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                continue
    yield from _found(snapshot.tree)


def written_secrets(snapshot: Snapshot, data: bytes) -> set[str]:
    """Return the secrets that a TOML file says in so many words, as they stand in its lines.

    A file of a layer says them for fields that are secret, whether the layer counts or not.
    """
    out: set[str] = set()
    for path, value in leaves(tomllib.loads(data.decode("utf-8-sig"))):
        info = snapshot.field(path[2:] if path[0] == "profiles" else path)
        if info is None or not info.secret or str(value).startswith("${secret:"):
            continue
        for text in (str(value), json.dumps(str(value))[1:-1]):
            out |= {line for line in (text, *text.splitlines()) if line.strip()}
    return out


def masked(line: str, secrets: Iterable[str]) -> str:
    """Return *line* with a sign in place of each secret.

    Example:
        >>> masked('key = "abcd"', ["abcd"]), masked("a = 'a'", ["a"])
        ('key = "…"', "a = '…'")
    """
    for text in sorted(secrets, key=len, reverse=True):
        if len(text) >= _SHORT:
            line = line.replace(text, "…")
        else:  # one that may stand in other words, too
            line = line.replace(f'"{text}"', '"…"').replace(f"'{text}'", "'…'")
    return line


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _found(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _found(inner)
    elif isinstance(value, Secret | SecretRef):
        ref = value.ref if isinstance(value, Secret) else value
        try:
            text = ref.find()
        except OneiricError:
            return
        if text is not None:
            yield text
