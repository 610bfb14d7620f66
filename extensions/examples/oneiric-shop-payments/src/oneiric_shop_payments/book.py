"""The book that both versions write: one row for each movement, never changed."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations


class LedgerSettings(BaseModel):
    """Settings of `service:payment` by ledger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: WorkspacePath = ":memory:"


class Book:
    """Movements of money in a sqlite file."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS movements"
            " (id INTEGER PRIMARY KEY, payment TEXT NOT NULL, amount TEXT NOT NULL)"
        )

    def add(self, payment: str, amount: Decimal) -> None:
        """Write a movement; money given back is negative."""
        with self._db:
            self._db.execute(
                "INSERT INTO movements (payment, amount) VALUES (?, ?)", (payment, str(amount))
            )

    def balance(self, payment: str | None = None) -> Decimal:
        """Return what is left of a payment, or of all of them."""
        query = "SELECT amount FROM movements"
        rows = (
            self._db.execute(query)
            if payment is None
            else self._db.execute(f"{query} WHERE payment = ?", (payment,))
        )
        return sum((Decimal(amount) for (amount,) in rows), Decimal(0))

    def knows(self, payment: str) -> bool:
        """Return whether *payment* was ever taken."""
        query = "SELECT 1 FROM movements WHERE payment = ? LIMIT 1"
        return self._db.execute(query, (payment,)).fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        self._db.close()
