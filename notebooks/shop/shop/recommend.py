"""What else to buy: whatever costs about the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalog import Catalog
    from .model import Product


class Neighbours:
    """Recommends the products nearest in price."""

    def __init__(self, *, catalog: Catalog) -> None:
        self._catalog = catalog

    def __call__(self, product: Product, count: int = 2) -> list[Product]:
        """Return *count* other products, the nearest in price first."""
        others = [p for p in self._catalog.all() if p.sku != product.sku]
        return sorted(others, key=lambda p: (abs(p.price - product.price), p.sku))[:count]
