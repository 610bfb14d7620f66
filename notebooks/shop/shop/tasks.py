"""What runs at night: the search index, forgotten baskets, the report."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .settings import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from .catalog import Catalog
    from .database import Database


class ReindexAll:
    """Builds the index of words anew."""

    def __init__(self, *, catalog: Catalog) -> None:
        self._catalog = catalog

    def run(self) -> dict[str, list[str]]:
        """Return each word with the articles that hold it."""
        index: dict[str, list[str]] = {}
        for product in self._catalog.all():
            for word in sorted(set(product.title.lower().replace(",", " ").split())):
                index.setdefault(word, []).append(product.sku)
        return dict(sorted(index.items()))


class ReindexChanged:
    """Looks only at products that are new or whose titles changed since its last run."""

    def __init__(self, *, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seen: dict[str, str] = {}

    def run(self) -> list[str]:
        """Return the articles that had to be looked at."""
        now = {p.sku: p.title for p in self._catalog.all()}
        changed = [sku for sku, title in now.items() if self._seen.get(sku) != title]
        self._seen = now
        return changed


class SweepSettings(Table):
    """Settings of `task:sweep-baskets`."""

    minutes: Annotated[int, Field(ge=5)] = 120


class SweepBaskets:
    """Empties baskets that nobody touched for long."""

    def __init__(
        self,
        settings: SweepSettings,
        *,
        database: Database,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._oldest = settings.minutes * 60
        self._db = database.connection
        self._clock = clock

    def run(self) -> int:
        """Remove them; return how many there were."""
        with self._db:
            limit = self._clock() - self._oldest
            return self._db.execute("DELETE FROM baskets WHERE touched < ?", (limit,)).rowcount


class CsvReport:
    """The orders as a table for a spreadsheet."""

    def __init__(self, *, database: Database) -> None:
        self._db = database.connection

    def run(self) -> str:
        """Return number, email and total of each order."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["number", "email", "total"])
        writer.writerows(self._db.execute("SELECT * FROM orders ORDER BY number"))
        return out.getvalue()


class JsonReport:
    """The orders for another program."""

    def __init__(self, *, database: Database) -> None:
        self._db = database.connection

    def run(self) -> str:
        """Return a list of orders."""
        rows = self._db.execute("SELECT * FROM orders ORDER BY number")
        return json.dumps(
            [dict(zip(("number", "email", "total"), row, strict=True)) for row in rows]
        )
