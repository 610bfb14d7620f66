"""A load shape, said in one line.

Pieces that follow one another stand between commas, each with its time::

    500/s for 10s
    500/s for 10s, 500/s to 5000/s for 30s, 5000/s at random for 1min
    50 users thinking 20ms for 10s
    50 users thinking about 20ms            (exponential, of that mean)
    50 users thinking 10ms to 50ms          (all alike between the two)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError

from ._shapes import closed, constant, poisson, ramp, stages, think

if TYPE_CHECKING:
    from typing import NoReturn

    from ._shapes import Constant, Poisson, Ramp, Shape, Think

_PIECE = re.compile(
    r"(?P<rate>\S+?)(?:\s+to\s+(?P<to>\S+))?(?P<random>\s+at\s+random)?\s+for\s+(?P<time>\S+)\Z"
)
_USERS = re.compile(
    r"(?P<users>[0-9](?:_?[0-9]){0,15})\s+users?"
    r"(?:\s+thinking\s+(?P<about>about\s+)?(?P<think>\S+)(?:\s+to\s+(?P<most>\S+))?)?"
    r"(?:\s+for\s+(?P<time>\S+))?\Z"
)


def load_said(text: str) -> Shape:
    """Return the shape that *text* says.

    Args:
        text: One line; each time and each rate has its unit.

    Raises:
        UsageError: It says none, or a number of it cannot be.

    Example:
        >>> load_said("500/s to 5000/s for 30s")
        Ramp(start=500.0, to=5000.0, over=30.0)
        >>> load_said("2 users thinking 20ms")
        Closed(users=2, think=Think(kind='constant', low=0.02, high=0.02), duration=None)
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if found := _USERS.match(pieces[0]):
        if len(pieces) > 1:
            _refuse(pieces[1], "what follows users", "users and arrivals are two runs")
        many, time = int(found["users"]), found["time"]
        return closed(many, think=_thinking(found), duration=time)
    shapes = [_piece(piece) for piece in pieces]
    return shapes[0] if len(shapes) == 1 else stages(*shapes)


def _piece(text: str) -> Constant | Ramp | Poisson:
    found = _PIECE.match(text)
    if found is None:
        _refuse(text, "a rate and a time, or users", "")
    rate, to, time = found["rate"], found["to"], found["time"]
    if found["random"]:
        if to is not None:
            _refuse(text, "one rate", "arrivals at random have a constant rate")
        return poisson(rate, time)
    return constant(rate, time) if to is None else ramp(rate, to, time)


def _thinking(found: re.Match[str]) -> Think:
    time, most = found["think"], found["most"]
    if time is None:
        return think.constant(0)
    if found["about"]:
        if most is not None:
            _refuse(found[0], "one time", "`about` is the mean of all")
        return think.exp(time)
    return think.constant(time) if most is None else think.uniform(time, most)


def _refuse(text: str, wanted: str, why: str) -> NoReturn:
    raise UsageError(
        Fault(
            "bad-load",
            f"load: expected {wanted}, found {text!r}",
            why=why,
            fix="500/s for 10s, 500/s to 5000/s for 30s   or   50 users thinking 20ms for 10s",
        )
    )
