"""What the shop talks about: products, lines of a basket, orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Return *amount* rounded to the cent, halves up, as invoices are."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy."""

    sku: str
    title: str
    price: Decimal
    grams: int = 100
    stock: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One product in a basket."""

    product: Product
    count: int = 1

    @property
    def total(self) -> Decimal:
        """Price of the whole line."""
        return self.product.price * self.count


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer bought."""

    number: str
    email: str
    lines: tuple[Line, ...] = field(default=())
    shipping: Decimal = Decimal(0)

    @property
    def goods(self) -> Decimal:
        """Sum of all lines."""
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What the customer pays."""
        return cents(self.goods + self.shipping)
