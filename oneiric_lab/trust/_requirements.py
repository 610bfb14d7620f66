"""What a release must bring, by the schema of its manifest.

A row is the demand on manifests of its schema and of all later ones up to the next row:

    {"digests":true,"expiry":true,"lifetime_days":90,"log":false,"post_quantum":"off",
     "provenance":false,"threshold":2,"witnesses":0}

A later schema may ask for more and never for less, so that moving to a newer schema is never
a way around a demand. `log`, `witnesses`, `provenance` and `post_quantum` have their place;
this version can check none of them, and refuses a release for which the root asks them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._tree import Members

PostQuantum = Literal["off", "accept", "require"]
_STEPS: tuple[PostQuantum, ...] = ("off", "accept", "require")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row.

    Attributes:
        threshold: Distinct signers.
        expiry: The statement says until when it holds.
        lifetime_days: The longest time from issue to expiry; None for any.
        digests: Every artifact has a SHA-256 and a size.
        log: There is a proof of inclusion in a log.
        witnesses: Cosignatures on the log's checkpoint.
        provenance: Every artifact says how it was built.
        post_quantum: Whether signers must sign by ML-DSA as well.
    """

    threshold: int = 1
    expiry: bool = False
    lifetime_days: int | None = None
    digests: bool = False
    log: bool = False
    witnesses: int = 0
    provenance: bool = False
    post_quantum: PostQuantum = "off"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape, which is also the one that is signed."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def loosens(self, other: Requirement) -> list[str]:
        """Return the names of what this row asks less for than *other*, in order."""
        return [
            field.name
            for field in fields(self)
            if _rank(field.name, getattr(self, field.name))
            < _rank(field.name, getattr(other, field.name))
        ]

    def tightened(self, demands: Mapping[str, Any]) -> Requirement:
        """Return this row with *demands*, by name of field, where they ask for more."""
        values = self.as_dict()
        for name, value in demands.items():
            if _rank(name, value) > _rank(name, values[name]):
                values[name] = value
        return Requirement(**values)  # type: ignore[arg-type]  # by name of field


def loosened(name: str, asked: object, row: Requirement) -> bool:
    """Tell whether *asked* of the field *name* is less than *row* asks for."""
    return _rank(name, asked) < _rank(name, getattr(row, name))


def row_for(table: Mapping[int, Requirement], schema: int) -> Requirement | None:
    """Return the row for manifests of *schema*: the one of the highest schema up to it."""
    known = [step for step in table if step <= schema]
    return table[max(known)] if known else None


def read_row(tree: Members) -> Requirement:
    """Return the row in *tree*.

    Raises:
        DocumentRefusedError: A demand is missing, unknown or of another kind.
    """
    threshold, expiry = tree.integer("threshold", least=1), tree.boolean("expiry")
    days = tree.take("lifetime_days")
    if days is not None and (type(days) is not int or days < 1):
        tree.refuse("lifetime_days", "days of at least 1, or null", days)
    post_quantum = tree.take("post_quantum")
    if post_quantum not in _STEPS:
        tree.refuse("post_quantum", "off, accept or require", post_quantum)
    row = Requirement(
        threshold,
        expiry,
        days,
        tree.boolean("digests"),
        tree.boolean("log"),
        tree.integer("witnesses", least=0),
        tree.boolean("provenance"),
        post_quantum,
    )
    tree.done()
    if row.lifetime_days is not None and not row.expiry:
        tree.fail("a longest lifetime without an expiry holds nobody to it", "lifetime_days")
    return row


def _rank(name: str, value: Any) -> float:
    """Return how much *value* asks for; more is tighter."""
    if name == "lifetime_days":
        return float("-inf") if value is None else -value
    if name == "post_quantum":
        return _STEPS.index(value)
    return float(value)
