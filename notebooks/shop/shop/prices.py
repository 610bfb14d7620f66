"""Prices in another currency: at a fixed rate, or at the rate of the day."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .model import cents
from .settings import Table

if TYPE_CHECKING:
    from .fetch import HttpxFetcher, UrllibFetcher


class FixedSettings(Table):
    """Settings of `service:rates` by fixed."""

    rates: dict[str, Decimal] = {"GBP": Decimal(1), "EUR": Decimal("1.17")}
    """What one pound is worth."""


class FixedRates:
    """The rates that the books are kept at."""

    def __init__(self, settings: FixedSettings) -> None:
        self._rates = settings.rates

    def convert(self, amount: Decimal, currency: str) -> Decimal:
        """Return pounds in *currency*."""
        try:
            return cents(amount * self._rates[currency])
        except KeyError:
            known = ", ".join(sorted(self._rates))
            raise ValueError(f"no rate for {currency}; known: {known}") from None


class DailySettings(Table):
    """Settings of `service:rates` by daily."""

    url: str = "https://rates.example/latest.json"


class DailyRates:
    """The rates of the day, fetched at the first question: `{"EUR": 1.17, ...}`."""

    def __init__(self, settings: DailySettings, *, http: UrllibFetcher | HttpxFetcher) -> None:
        self._settings = settings
        self._http = http
        self._rates: FixedRates | None = None

    def convert(self, amount: Decimal, currency: str) -> Decimal:
        """Return pounds in *currency*."""
        if self._rates is None:
            found = self._http.json(self._settings.url)
            self._rates = FixedRates(
                FixedSettings(rates={k: Decimal(str(v)) for k, v in found.items()})
            )
        return self._rates.convert(amount, currency)
