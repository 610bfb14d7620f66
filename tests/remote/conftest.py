"""What the tests of remote share."""

from __future__ import annotations

import anyio

from oneiric_lab.remote import Buffer, Fetched, Request, Rules, SafeFetcher

QUICK = Rules(base_delay=0.01, max_delay=0.02, deadline=5, connect_timeout=1, read_timeout=1)
"""Rules under which a test of a retry ends at once."""


def fetch(request: Request, rules: Rules = QUICK) -> tuple[Fetched, bytes]:
    """Fetch *request* with a fetcher of its own."""

    async def main() -> tuple[Fetched, bytes]:
        sink = Buffer()
        async with SafeFetcher(rules) as fetcher:
            return await fetcher.fetch(request, sink), sink.data

    return anyio.run(main)
