"""Version 2: a charge that is sent twice is taken once, and a part can be given back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .book import Book, LedgerSettings

if TYPE_CHECKING:
    from decimal import Decimal


class Ledger:
    """A payment service that keeps its own book."""

    def __init__(self, settings: LedgerSettings | None = None) -> None:
        self.book = Book((settings or LedgerSettings()).path)

    def charge(self, reference: str, amount: Decimal) -> str:
        """Take *amount* for *reference*, once; return the number of the payment."""
        # The number follows from what is asked, so the same question has the same number.
        text = f"{reference}\0{amount}".encode()
        payment = "pay-" + hashlib.sha256(text).hexdigest()[:16]
        if not self.book.knows(payment):
            self.book.add(payment, amount)
        return payment

    def refund(self, payment: str, amount: Decimal | None = None) -> Decimal:
        """Give *amount* back, or all that is left; return it."""
        left = self.book.balance(payment)
        back = left if amount is None else amount
        if not 0 < back <= left:
            raise ValueError(f"cannot give {back} back: {left} is left of payment {payment!r}")
        self.book.add(payment, -back)
        return back

    def health(self) -> bool:
        """Return whether the book can be read."""
        return self.book.balance() >= 0

    def close(self) -> None:
        """Close the book."""
        self.book.close()
