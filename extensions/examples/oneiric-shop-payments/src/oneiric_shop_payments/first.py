"""Version 1: takes a payment and gives it back whole."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from .book import Book, LedgerSettings

if TYPE_CHECKING:
    from decimal import Decimal


class Ledger:
    """A payment service that keeps its own book."""

    def __init__(self, settings: LedgerSettings | None = None) -> None:
        self.book = Book((settings or LedgerSettings()).path)
        self._numbers = count(1)

    def charge(self, reference: str, amount: Decimal) -> str:
        """Take *amount* for *reference*; return the number of the payment."""
        payment = next(
            name for n in self._numbers if not self.book.knows(name := f"{reference}-{n}")
        )
        self.book.add(payment, amount)
        return payment

    def refund(self, payment: str) -> Decimal:
        """Give a payment back; return the amount."""
        amount = self.book.balance(payment)
        if not amount:
            raise ValueError(f"nothing is left of payment {payment!r}")
        self.book.add(payment, -amount)
        return amount

    def health(self) -> bool:
        """Return whether the book can be read."""
        return self.book.balance() >= 0

    def close(self) -> None:
        """Close the book."""
        self.book.close()
