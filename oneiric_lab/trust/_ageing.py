"""What will soon be too old, told while there is time to have the next one signed.

A key has no age of its own: the root that names it has. A root is warned of for the last
thirty days, since people must meet to sign the next; a list and a release for the last seven.
What is short-lived is warned of for the last third of its life.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from oneiric_lab import canonical
from oneiric_lab.errors import Fault

if TYPE_CHECKING:
    from datetime import datetime

    from ._limits import Validity
    from ._revocation import Revocations
    from ._root import Root
    from ._state import State

ROOT_NOTICE = timedelta(days=30)
NOTICE = timedelta(days=7)
_PART = 3
_DAY, _HOUR = 86_400, 3_600


def ageing_root(root: Root, now: datetime) -> Fault | None:
    """Return the warning that *root*, and with it every key in it, expires or has expired."""
    what = f"root {root.version} of {root.project}"
    fix = f"make and sign the next: trust root rotate root.{root.version}.json"
    return _ageing("root-expiry", what, "expires", root.validity, ROOT_NOTICE, now, fix)


def ageing_list(listed: Revocations, now: datetime) -> Fault | None:
    """Return the warning that the list after *listed* is due or overdue."""
    what = f"revocation list {listed.number} of {listed.project}"
    former = f"--before revocations.{listed.number}.json --root ROOT.json"
    fix = f"make and sign the next: trust crl new {former}"
    return _ageing("revocations-age", what, "goes stale", listed.validity, NOTICE, now, fix)


def ageing(state: State, now: datetime) -> tuple[Fault, ...]:
    """Return the warnings about what *state* remembers, the root first."""
    found = [None if state.root is None else ageing_root(state.root, now)]
    if state.revocations is not None:
        found.append(ageing_list(state.revocations, now))
    for name, seen in state.channels.items():
        what = f"release {seen.statement.version} of {seen.statement.project} {name}"
        fix = "get the next release, or ask its signers for one"
        validity = seen.statement.validity
        found.append(_ageing("expiry", what, "expires", validity, NOTICE, now, fix))
    if state.time is not None and now < state.time:
        found.append(
            Fault(
                "clock",
                f"the clock is behind the last trusted time, {canonical.utc_text(state.time)}",
                fix="set the clock",
                severity="warning",
            )
        )
    return tuple(fault for fault in found if fault is not None)


def _ageing(
    code: str,
    what: str,
    verb: str,
    validity: Validity,
    notice: timedelta,
    now: datetime,
    fix: str,
) -> Fault | None:
    end, lifetime = validity.expires_at, validity.lifetime
    if end is None or lifetime is None or now < end - min(notice, lifetime / _PART):
        return None
    at = canonical.utc_text(end)
    gone = verb.replace("expires", "expired").replace("goes", "went")
    text = f"{verb} in {_span(end - now)}" if now < end else f"{gone} {_span(now - end)} ago"
    return Fault(code, f"{what} {text}, at {at}", fix=fix, severity="warning")


def _span(time: timedelta) -> str:
    """Return the time in whole days or hours, cut off: who reads it shall not be late."""
    seconds = int(time.total_seconds())
    unit, size = ("day", _DAY) if seconds >= _DAY else ("hour", _HOUR)
    number = seconds // size
    if not number:
        return "less than an hour"
    return f"{number:,} {unit}{'' if number == 1 else 's'}"
