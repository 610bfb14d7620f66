"""The one way back of a state: something is forgotten, and its risk is named.

What a client remembers is what keeps it from being taken back to yesterday. After a recovery
(a new epoch, a lost disk, a test that went too far) a part may have to go. It goes by the name
of what becomes possible again, and nothing else goes with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._state import State

Risk = Literal["rollback", "revoked-keys", "old-root", "clock"]
RISKS: dict[Risk, str] = {
    "rollback": "an older release is taken again, and another one of the same version",
    "revoked-keys": "a revoked key counts again, and an older list is taken",
    "old-root": "the pinned root is where it begins again, with keys that have left it since",
    "clock": "a clock that was set back is not noticed until the next release",
}
"""Risk to what becomes possible when its part is forgotten."""


def forget(state: State, risks: Iterable[Risk], *, channels: Iterable[str] = ()) -> State:
    """Return *state* without the parts that keep *risks* away.

    Args:
        state: As it stands.
        risks: By name; see `RISKS`.
        channels: Of `rollback`, the only channels whose release is forgotten; all by default.

    Raises:
        UsageError: A risk or a channel has no such name, or channels without `rollback`.
    """
    named, only = set(risks), set(channels)
    for risk in sorted(named - set(get_args(Risk))):
        raise UsageError(Fault("usage", f"no risk is called {risk!r}", fix=_known(risk)))
    if only and "rollback" not in named:
        fault = "a channel is forgotten only together with the risk of a rollback"
        raise UsageError(Fault("usage", fault, fix="--i-accept rollback --channel NAME"))
    known = {*state.channels, *state.legacy}
    for name in sorted(only - known):
        fix = did_you_mean(name, sorted(known)) or "trust state shows the channels"
        raise UsageError(Fault("usage", f"nothing is remembered of channel {name!r}", fix=fix))
    if "rollback" in named:
        gone = only or known
        state = replace(
            state,
            channels={n: seen for n, seen in state.channels.items() if n not in gone},
            legacy={n: old for n, old in state.legacy.items() if n not in gone},
        )
    if "revoked-keys" in named:
        state = replace(state, revocations=None)
    if "old-root" in named:
        state = replace(state, root=None, anchor=None)
    if "clock" in named:
        state = replace(state, time=None)
    return state


def _known(risk: str) -> str:
    return did_you_mean(risk, get_args(Risk)) or f"one of {', '.join(get_args(Risk))}"
