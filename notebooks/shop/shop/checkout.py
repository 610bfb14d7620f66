"""From a basket to an order that is paid: step by step, or in one go for known customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .model import Line, Order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from .catalog import Catalog
    from .database import Database


class Payment(Protocol):
    """Takes money and gives it back."""

    def charge(self, reference: str, amount: Decimal) -> str:
        """Take *amount*; return the number of the payment."""

    def refund(self, payment: str) -> Decimal:
        """Give a payment back; return the amount."""


class Shipping(Protocol):
    """Carries parcels."""

    def price(self, grams: int) -> Decimal:
        """Return what a parcel costs."""


class Checkout:
    """Asks for everything, checks everything, then takes stock and money."""

    def __init__(
        self, *, catalog: Catalog, database: Database, payment: Payment, shipping: Shipping
    ) -> None:
        self._catalog = catalog
        self._database = database
        self._payment = payment
        self._shipping = shipping

    def run(self, number: str, email: str, basket: Mapping[str, int]) -> Order:
        """Place an order; nothing is taken where any product is missing."""
        lines = []
        for sku, count in basket.items():
            product = self._catalog.find(sku)
            if product is None or product.stock < count:
                raise ValueError(f"there are no {count} of {sku}")
            lines.append(Line(product, count))
        grams = sum(line.product.grams * line.count for line in lines)
        order = Order(number, email, tuple(lines), self._shipping.price(grams))
        self._payment.charge(number, order.total)
        for line in lines:
            self._database.take(line.product.sku, line.count)
        with self._database.connection as db:
            db.execute("INSERT INTO orders VALUES (?, ?, ?)", (number, email, str(order.total)))
        return order


class ExpressCheckout(Checkout):
    """One click: the last basket of a customer once more."""

    def __init__(
        self, *, catalog: Catalog, database: Database, payment: Payment, shipping: Shipping
    ) -> None:
        super().__init__(catalog=catalog, database=database, payment=payment, shipping=shipping)
        self._last: dict[str, dict[str, int]] = {}

    def run(self, number: str, email: str, basket: Mapping[str, int]) -> Order:
        """Place an order; an empty basket means the one of the last time."""
        chosen = dict(basket) or self._last.get(email, {})
        if not chosen:
            raise ValueError(f"{email} bought nothing here yet")
        order = super().run(number, email, chosen)
        self._last[email] = chosen
        return order


class Refund:
    """Gives the money of an order back and takes the goods."""

    def __init__(self, *, database: Database, payment: Payment) -> None:
        self._database = database
        self._payment = payment

    def run(self, payment: str, order: Order) -> Decimal:
        """Refund *order*, which was paid by *payment*; return the amount."""
        amount = self._payment.refund(payment)
        with self._database.connection as db:
            for line in order.lines:
                db.execute(
                    "UPDATE products SET stock = stock + ? WHERE sku = ?",
                    (line.count, line.product.sku),
                )
            db.execute("DELETE FROM orders WHERE number = ?", (order.number,))
        return amount
