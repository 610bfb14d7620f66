"""Where products and orders are kept: a sqlite file, or memory that nobody will miss."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations

from .model import Product
from .settings import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLES = """
CREATE TABLE IF NOT EXISTS products (
  sku TEXT PRIMARY KEY, title TEXT NOT NULL, price TEXT NOT NULL,
  grams INTEGER NOT NULL, stock INTEGER NOT NULL CHECK (stock >= 0));
CREATE TABLE IF NOT EXISTS orders (
  number TEXT PRIMARY KEY, email TEXT NOT NULL, total TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS baskets (
  id TEXT PRIMARY KEY, touched REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reservations (
  key TEXT PRIMARY KEY);
"""

_FIRST = (
    Product("boat-a4", "Paper boat, A4", Decimal("4.50"), 20, 120),
    Product("boat-a3", "Paper boat, A3", Decimal("7.90"), 45, 40),
    Product("crane", "Paper crane", Decimal("5.20"), 15, 60),
    Product("ink-blue", "Ink, blue", Decimal("9.80"), 180, 12),
    Product("jotter", "Pocket jotter", Decimal("3.20"), 90, 4),
    Product("pen", "Fountain pen", Decimal("24.00"), 60, 9),
)


class DatabaseSettings(Table):
    """Settings of `adapter:database`."""

    path: WorkspacePath = "data/shop.db"
    timeout: Annotated[float, Field(gt=0)] = 5.0


class Database:
    """Products, orders and baskets in one sqlite file."""

    def __init__(self, path: str, timeout: float = 5.0) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, timeout=timeout, check_same_thread=False)
        self.connection.executescript(_TABLES)
        with self.connection:
            self.connection.executemany(
                "INSERT OR IGNORE INTO products VALUES (?, ?, ?, ?, ?)",
                [(p.sku, p.title, str(p.price), p.grams, p.stock) for p in _FIRST],
            )

    def products(self) -> list[Product]:
        """Return all products by article number."""
        rows = self.connection.execute("SELECT * FROM products ORDER BY sku")
        return [Product(sku, title, Decimal(price), g, n) for sku, title, price, g, n in rows]

    def take(self, sku: str, count: int) -> bool:
        """Take *count* from the stock, all or nothing; return whether there were as many."""
        with self.connection:
            changed = self.connection.execute(
                "UPDATE products SET stock = stock - ? WHERE sku = ? AND stock >= ?",
                (count, sku, count),
            ).rowcount
        return changed == 1

    def reserve(self, key: str, basket: Mapping[str, int]) -> bool:
        """Take a whole basket or nothing, once for each key; return whether it is taken."""
        with self.connection as db:
            if not db.execute("INSERT OR IGNORE INTO reservations VALUES (?)", (key,)).rowcount:
                return True
            for sku, count in basket.items():
                taken = db.execute(
                    "UPDATE products SET stock = stock - ? WHERE sku = ? AND stock >= ?",
                    (count, sku, count),
                ).rowcount
                if not taken:
                    db.rollback()
                    return False
        return True

    def health(self) -> bool:
        """Return whether the file answers."""
        try:
            self.connection.execute("SELECT 1 FROM products LIMIT 1")
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def local(settings: DatabaseSettings) -> Database:
    """Return the database in a file."""
    return Database(settings.path, settings.timeout)


def scratch() -> Database:
    """Return a database that is gone when it is closed."""
    return Database(":memory:")
