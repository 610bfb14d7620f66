"""Payloads and headers as people give them: JSON, a file, or what comes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.errors import Fault, UsageError

from ._types import Amount, Completing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._context import Context
    from ._names import Names

LIMIT = 16 * 1024 * 1024
"""Bytes of a payload that is read from a file."""

PAYLOAD = click.option(
    "--payload", metavar="JSON", help="JSON, @FILE, or - for standard input or the cell."
)
HEADERS = click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Travels with it."
)
WAIT = click.option(
    "--wait",
    "seconds",
    type=Amount(0),
    metavar="SECONDS",
    help="At most, 0 not at all; as long as a host runs by default.",
)
HERE = click.option("--here", is_flag=True, help="By this process's handlers, not the host's.")


class TopicType(Completing):
    """A topic; those that components are named for are completed."""

    name = "topic"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the topics that the workspace's handlers listen to."""
        return [target.partition(":")[2] for target in names.providers if target[:6] == "event:"]


class KeyType(Completing):
    """A key of one domain.

    Args:
        domain: The domain.
    """

    name = "key"

    def __init__(self, domain: str) -> None:
        self._prefix = f"{domain}:"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the keys of the domain."""
        size = len(self._prefix)
        return [name[size:] for name in names.providers if name.startswith(self._prefix)]


def payload_of(context: Context, text: str | None) -> Any:
    """Return what `--payload` says; None where nobody says anything.

    Raises:
        UsageError: It is no JSON.
        FileAccessError: The file cannot be read.
    """
    if text is None:
        return None
    shown = "--payload"
    if text == "-":
        text, shown = context.interaction.body() or "", "what came in"
        if not text.strip():
            raise UsageError(
                Fault("payload", "--payload - found nothing to read", fix="--payload '{\"n\": 1}'")
            )
    elif text.startswith("@"):
        from oneiric_lab.files import read  # noqa: PLC0415 - see below

        shown = text[1:]
        data = read(Path(shown).expanduser(), shown=shown, limit=LIMIT).data
        text = data.decode("utf-8", errors="replace")
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise UsageError(
            Fault("payload", f"{shown} is no JSON: {why}", fix="--payload '{\"n\": 1}', or @FILE")
        ) from None


def headers_of(said: tuple[str, ...]) -> dict[str, str]:
    """Return what `--header NAME=VALUE` says.

    Raises:
        UsageError: One has no `=`.
    """
    out: dict[str, str] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise UsageError(
                Fault("usage", f"--header {one!r}: expected NAME=VALUE", fix="--header tenant=eu")
            )
        out[name] = value
    return out


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
