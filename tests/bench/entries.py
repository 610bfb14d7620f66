"""Manifests to measure: every entry says all that an entry can say."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

DOMAINS = ("adapter", "service", "task", "event", "workflow", "action")


def entry(number: int, source: random.Random) -> dict[str, Any]:
    """Return one full entry, about 700 bytes."""
    return {
        "artifact": {
            "sha256": f"{source.getrandbits(256):064x}",
            "size": source.randrange(1 << 24),
            "uri": f"https://cdn.example.com/a/{number}.whl",
        },
        "capabilities": [
            {
                "event_types": ["a", "b"],
                "name": "kv",
                "security": {"auth_required": True, "scopes": ["cache.read"]},
            }
        ],
        "domain": source.choice(DOMAINS),
        "factory": f"shop.parts.m{number}:Factory{number}",
        "key": f"cat.k{number}",
        "license": "MIT",
        "metadata": {"description": f"Component number {number} - naïve", "pool": 10, "ratio": 5.5},
        "os_platform": ["linux", "darwin"],
        "owner": "Platform",
        "priority": number % 1000,
        "provider": f"prov-{number % 97}",
        "python_version": ">=3.11",
        "requires_dist": ["redis>=5.0.0"],
        "retry_policy": {"attempts": 3, "base_delay": 0.5},
        "stack_level": number % 100,
        "timeouts": {"build": 30.25},
        "version": f"1.{number % 50}.{number % 7}",
    }


@cache
def manifest(count: int) -> dict[str, Any]:
    """Return a manifest of *count* full entries; the same in every run."""
    source = random.Random(1)
    return {
        "channel": "stable",
        "entries": [entry(number, source) for number in range(count)],
        "project": "shop",
        "schema": 3,
        "version": 7,
    }
