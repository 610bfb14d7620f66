"""Two carriers that nobody put in an order: which one is asked is decided by their names."""

from __future__ import annotations

from decimal import Decimal

from .model import cents


class Bike:
    """Rides inside the town; light parcels only."""

    limit = 8_000

    def price(self, grams: int) -> Decimal:
        """Return what a parcel costs."""
        if grams > self.limit:
            raise ValueError(f"a bike carries {self.limit} g, the parcel has {grams} g")
        return cents(Decimal("2.50") + Decimal(grams) * Decimal("0.0002"))


class Van:
    """Drives everywhere, with everything."""

    def price(self, grams: int) -> Decimal:
        """Return what a parcel costs."""
        return cents(Decimal("4.90") + Decimal(grams) * Decimal("0.0005"))
