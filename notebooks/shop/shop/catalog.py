"""The products on offer, and two ways to find one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .settings import Table

if TYPE_CHECKING:
    from .database import Database
    from .model import Product


class Catalog:
    """Reads products from the database."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def all(self) -> list[Product]:
        """Return everything that can be bought."""
        return [p for p in self._database.products() if p.stock]

    def find(self, sku: str) -> Product | None:
        """Return the product with this article number, or None."""
        return next((p for p in self._database.products() if p.sku == sku), None)


class SearchSettings(Table):
    """Settings of `service:search`."""

    limit: Annotated[int, Field(ge=1)] = 10
    synonyms: dict[str, list[str]] = {}


class WordSearch:
    """Finds products that hold every word, or a synonym of it."""

    def __init__(self, settings: SearchSettings, *, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog

    def find(self, text: str) -> list[Product]:
        """Return the products that match, by article number."""
        words = [{w, *self._settings.synonyms.get(w, [])} for w in text.lower().split()]
        hits = (
            p
            for p in self._catalog.all()
            if all(any(w in p.title.lower() for w in same) for same in words)
        )
        return list(hits)[: self._settings.limit]


_NEAR = 0.3
"""Share of letters in threes that a title must have in common with what is asked."""


class TrigramSearch:
    """Finds products whose titles share many letters in threes: forgives a typing error."""

    def __init__(self, settings: SearchSettings, *, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog

    def find(self, text: str) -> list[Product]:
        """Return the products that are near, the nearest first."""
        wanted = _threes(text)
        scored = []
        for product in self._catalog.all():
            have = _threes(product.title)
            near = len(wanted & have) / (len(wanted) or 1)
            if near >= _NEAR:
                scored.append((-near, product.sku, product))
        return [product for _, _, product in sorted(scored)][: self._settings.limit]


def _threes(text: str) -> set[str]:
    padded = f"  {text.lower()} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}
