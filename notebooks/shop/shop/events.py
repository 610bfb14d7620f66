"""Who listens when something happened."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mail import Outbox
    from .model import Order, Product

log = logging.getLogger("shop")


class Audit:
    """Writes each order into the log that auditors read."""

    def __call__(self, order: Order) -> None:
        """Log an order that was placed."""
        log.info("order %s over %s", order.number, order.total)


class Confirmation:
    """Writes to the customer."""

    def __init__(self, *, mail: Outbox) -> None:
        self._mail = mail

    def __call__(self, order: Order) -> None:
        """Send the confirmation of an order that was placed."""
        lines = "\n".join(f"{line.count} x {line.product.title}" for line in order.lines)
        text = f"Thank you!\n\n{lines}\n\nTotal: {order.total}\n"
        self._mail.send(order.email, f"Your order {order.number}", text)


class Restock:
    """Says which product is running out."""

    def __call__(self, product: Product) -> None:
        """Log a product with little stock."""
        log.warning("only %d left of %s", product.stock, product.sku)
