"""What is to be paid out tonight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from . import first, second


class Settle:
    """Sums up the book of the payment service."""

    def __init__(self, *, payment: first.Ledger | second.Ledger) -> None:
        self._payment = payment

    def run(self) -> Decimal:
        """Return the balance of all payments."""
        return self._payment.book.balance()
