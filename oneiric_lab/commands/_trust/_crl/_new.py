"""`trust crl new`: the next list, with nothing new in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._trust._lists import MAKING, make_next

if TYPE_CHECKING:
    from oneiric_lab.trust import ListStanding


@click.command("new")
@MAKING
def command(**options: Any) -> ListStanding:
    """Make the list that says what the last one says for another while; or the first, an empty one.

    A list goes stale, so that nobody can hold back the one that counts: the next is made and
    signed in time, whether there is something new or not.
    """
    return make_next((), options)
