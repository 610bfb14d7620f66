"""Paying by invoice: no provider, only numbers in a book."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


class Invoice:
    """Writes down who owes what."""

    def __init__(self) -> None:
        self.open: dict[str, Decimal] = {}

    def charge(self, reference: str, amount: Decimal) -> str:
        """Open an invoice; return its number."""
        number = f"inv-{reference}"
        self.open[number] = amount
        return number

    def refund(self, payment: str) -> Decimal:
        """Close an invoice; return what is no longer owed."""
        return self.open.pop(payment)
