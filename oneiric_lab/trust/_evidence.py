"""What comes from outside a release: proof of a time, and proof of two stories.

A signature says nothing about its own time: whoever stole the key would say what helps him.
Time is proven by somebody else, through a log's checkpoint, a witness's cosignature or an
RFC 3161 token. Those are providers of `TimeEvidence`; none is here yet, and without one the
signatures of a revoked key do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from oneiric_lab.views import Fields, Note, Result, View

if TYPE_CHECKING:
    from datetime import datetime

    from ._dsse import Envelope


class TimeEvidence(Protocol):
    """Somebody outside who saw a signature at some moment, and whose word was verified."""

    def existed_at(self, keyid: str, signature: bytes) -> datetime | None:
        """Return a moment at which *signature* existed for sure; None when nothing is known."""
        ...


@dataclass(frozen=True, repr=False)
class Equivocation(Result):
    """Two documents of one place in the order, both signed by the threshold.

    Whoever holds both can show to anybody that the signers told two stories.

    Attributes:
        kind: What was told twice.
        place: Which one, such as `shop/stable 1.42`.
        first: The envelope that was trusted before.
        second: The one that was found now.
    """

    kind: Literal["release", "root", "revocations"]
    place: str
    first: Envelope
    second: Envelope

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is also the evidence file."""
        return {
            "type": "oneiric-equivocation/v1",
            "kind": self.kind,
            "place": self.place,
            "first": self.first.tree(),
            "second": self.second.tree(),
        }

    def view(self) -> View:
        """Return both digests."""
        return View(
            "equivocation",
            f"two stories: {self.kind} {self.place}",
            (
                Fields(
                    (
                        ("trusted before", f"sha256:{self.first.sha256}"),
                        ("found now", f"sha256:{self.second.sha256}"),
                    )
                ),
                Note("keep this file: both envelopes are signed, and prove it to anybody", "bad"),
            ),
            tone="bad",
        )
