"""An order, step by step: the goods, the money, the letter; each may be asked for twice."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.runtime import TaskContext

    from .checkout import Payment
    from .database import Database
    from .mail import Outbox


class Reserve:
    """Takes the goods from the stock: all of them, and once for each order."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def run(self, payload: Mapping[str, Any], context: TaskContext) -> dict[str, Any]:
        """Return what was taken, and what it costs."""
        basket = context.input["basket"]
        prices = {product.sku: product.price for product in self._database.products()}
        if not self._database.reserve(context.idempotency_key, basket):
            raise ValueError("there is not enough of " + ", ".join(basket))
        total = sum((prices[sku] * count for sku, count in basket.items()), Decimal(0))
        return {"taken": basket, "total": str(total)}


class Charge:
    """Takes the money."""

    def __init__(self, *, payment: Payment) -> None:
        self._payment = payment

    def run(self, payload: Mapping[str, Any], context: TaskContext) -> str:
        """Return the number of the payment."""
        total = Decimal(context.results["reserve"]["total"])
        return self._payment.charge(context.input["number"], total)


class Confirm:
    """Writes to the customer."""

    def __init__(self, *, mail: Outbox) -> None:
        self._mail = mail

    def run(self, payload: Mapping[str, Any], context: TaskContext) -> str:
        """Return the name of the letter."""
        paid, order = context.results["charge"], context.input
        text = f"Order {order['number']}, paid as {paid}."
        return self._mail.send(order["email"], payload["subject"], text)
