"""`root.toml` as it is written: the first one, to be filled in, and what a root says."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from typing import TYPE_CHECKING

from ._requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from ._keys import PublicKey
    from ._root import Role, RoleName

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)
_DAY = 86_400
_YEAR = 365
_ANY = ("*",)


def draft_text(
    *,
    project: str = "shop",
    signers: Mapping[str, str] | None = None,
    threshold: int | None = None,
    days: int = 365,
) -> str:
    """Return the text of a new `root.toml`, with what there is to decide as comments.

    Args:
        project: Whose releases.
        signers: Name to the file of the public key; three names to fill in, by default.
        threshold: Distinct signers of every role; more than half, by default.
        days: How long the root will hold.
    """
    named = signers or {name: f"{name}.pem.pub" for name in ("alice", "bob", "carol")}
    needed = threshold or len(named) // 2 + 1
    keys = "\n".join(f"{bare_or_quoted(name)} = [{_text(file)}]" for name, file in named.items())
    everybody = ", ".join(map(_text, named))
    scoped = ", ".join(f'{bare_or_quoted(name)} = ["*"]' for name in named)
    return _TEMPLATE.format(
        project=_text(project),
        days=days,
        keys=keys,
        needed=needed,
        everybody=everybody,
        scoped=scoped,
    )


_TEMPLATE = """\
# Who may sign what. `trust root init` makes root.1.json of it, and
# `trust root rotate root.1.json --from` this file the next one. Keep it.

project = {project}
expires_days = {days}       # the root, and with it every key that it names
min_schema = 3           # manifests of older schemas are refused

# Each signer with the public half of each of its keys: a file beside this one, which
# `trust key new` writes, or "base64:" and the key itself. Have everybody read the words of
# the own key aloud, and compare them with those that `trust root show` prints.
[signers]
{keys}

# Who signs the next root. Two of three: one key may be lost, and one may be stolen.
[roles.root]
threshold = {needed}
signers = [{everybody}]

# Who signs releases, and for which components: domain:key, `*` for any.
[roles.release]
threshold = {needed}
signers = {{ {scoped} }}

# Who takes keys back. Without this role a stolen key counts until the next root.
[roles.revocation]
threshold = {needed}
signers = [{everybody}]

# What a release must bring, by the schema of its manifest; a later schema asks for no less.
[requirements.3]
threshold = {needed}
expiry = true            # it says until when it holds
lifetime_days = 90       # and that is at most so long after it was made
digests = true           # every artifact has a SHA-256 and a size
"""


def root_toml(
    *,
    project: str,
    signers: Mapping[str, tuple[PublicKey, ...]],
    roles: Mapping[RoleName, Role],
    requirements: Mapping[int, Requirement],
    min_schema: int,
    lifetime: timedelta | None,
) -> str:
    """Return the text that says all of these."""
    if lifetime is None:
        until = f"{_YEAR}  # the root has no end; say when the next one does"
    else:
        until = str(max(1, math.ceil(lifetime.total_seconds() / _DAY)))
    lines = [
        "# What the root says. Edit it, then: trust root rotate root.N.json --from root.toml",
        "",
        f"project = {_text(project)}",
        f"expires_days = {until}",
        f"min_schema = {min_schema}",
        "",
        "[signers]",
    ]
    for name, keys in signers.items():
        listed = ", ".join(_text(f"base64:{key.base64}") for key in keys)
        lines.append(f"{bare_or_quoted(name)} = [{listed}]")
    for role, said in roles.items():
        lines += ["", f"[roles.{role}]", f"threshold = {said.threshold}", _signers(said)]
    for schema, row in requirements.items():
        lines += ["", f"[requirements.{schema}]", *_demands(row)]
    return "\n".join(lines) + "\n"


def _signers(role: Role) -> str:
    if all(globs == _ANY for globs in role.signers.values()):
        return f"signers = [{', '.join(map(_text, role.signers))}]"
    scopes = (
        f"{bare_or_quoted(name)} = [{', '.join(map(_text, globs))}]"
        for name, globs in role.signers.items()
    )
    return f"signers = {{ {', '.join(scopes)} }}"


def _demands(row: Requirement) -> Iterator[str]:
    usual = Requirement()
    for name in (field.name for field in fields(row)):
        value = getattr(row, name)
        if name == "threshold" or value != getattr(usual, name):
            yield f"{name} = {json.dumps(value)}"


def bare_or_quoted(name: str) -> str:
    """Return *name* as a key of TOML."""
    return name if _BARE.match(name) else _text(name)


def _text(value: str) -> str:
    # JSON's texts are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
