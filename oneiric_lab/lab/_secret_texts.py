"""Every text that is secret in a workspace, so that logs can be kept free of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.config import Secret, SecretRef
from oneiric_lab.errors import OneiricError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab.config import Snapshot

_MOST = 65_536
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
