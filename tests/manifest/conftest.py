"""What the tests of manifests share: one that says all that can be said."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FULL: dict[str, Any] = {
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "version": "2.1.0",
    "factory": "shop_redis:Cache",
    "summary": "A cache in another process.",
    "artifact": {
        "uri": "https://cdn.example.com/shop_redis-2.1.0-py3-none-any.whl",
        "sha256": "ab" * 32,
        "size": 1234,
    },
    "priority": 10,
    "stack_level": -1,
    "capabilities": [
        {
            "name": "kv",
            "description": "Keys and values.",
            "event_types": ["cache.evicted"],
            "payload_schema": {"type": "object"},
            "schema_format": "json-schema",
            "security": {
                "classification": "internal",
                "auth_required": True,
                "scopes": ["cache.read"],
                "encryption": "tls",
                "signature_required": False,
                "audience": ["shop"],
                "notes": "Nothing else.",
                "x-reviewed": "2026-01-01",
            },
            "metadata": {"tier": 1},
        },
        {"name": "ttl", "payload_schema": "schemas/ttl.json"},
    ],
    "owner": "Platform",
    "requires_secrets": ["redis_password"],
    "settings_model": "shop_redis:Settings",
    "health": "shop_redis:is_well",
    "lifetime": "app",
    "blocking": True,
    "timeouts": {"build": 5, "health": 1.5, "hook": 1, "cleanup": 2, "drain": 0, "call": 0.25},
    "retry_policy": {"attempts": 3, "base_delay": 0.5, "max_delay": 8, "jitter": 0.25},
    "side_effect_free": False,
    "requires": {"adapter:queue": ">=1,<3", "adapter:secrets": ""},
    "requires_dist": ["redis>=5; python_version >= '3.11'"],
    "conflicts_with": ["adapter:legacy", "aioredis<2"],
    "python_version": ">=3.11",
    "os_platform": ["linux", "darwin", "freebsd14"],
    "stability": "beta",
    "enabled_by": "new_cache",
    "license": "Apache-2.0 OR MIT",
    "documentation_url": "https://docs.example.com:8443/cache?page=1",
    "metadata": {"tags": ["a", "b"], "nothing": None, "ratio": 0.5},
    "x-team": {"any": ["thing"]},
}
EVENT: dict[str, Any] = {
    "domain": "event",
    "key": "placed",
    "provider": "shop",
    "version": "1",
    "factory": "shop:on_placed",
    "event": {
        "topics": ["order.placed"],
        "max_concurrency": 4,
        "filters": [
            {"path": "payload.total", "exists": True},
            {"path": "payload.country", "any_of": ["de", "fr"]},
            {"path": "headers.kind", "equals": None},
        ],
        "priority": 5,
        "fanout_policy": "exclusive",
    },
}
WORKFLOW: dict[str, Any] = {
    "domain": "workflow",
    "key": "ship",
    "provider": "shop",
    "version": "1.0rc1",
    "factory": "shop.flows:Ship.build",
    "dag": {
        "queue": "orders",
        "nodes": [
            {"id": "pick", "task": "pick-goods", "payload": {"fast": True}},
            {
                "id": "pack",
                "task": "pack-goods",
                "depends_on": ["pick"],
                "retry_policy": {"attempts": 2},
                "timeout": 60,
            },
        ],
    },
}


WHOLE: dict[str, Any] = {
    "schema": 3,
    "project": "shop",
    "channel": "stable",
    "version": 7,
    "entries": [FULL, EVENT, WORKFLOW],
    "x-note": "ours",
}


@pytest.fixture
def whole() -> dict[str, Any]:
    """Return a manifest in which every name that the schema has is said."""
    return deepcopy(WHOLE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of one's own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def written(folder: Path) -> Callable[..., Path]:
    """Return what writes a small manifest, with more lines for its one entry."""

    def write(lines: str = "", *, name: str = "shop.toml", version: int = 7) -> Path:
        file = folder / name
        file.write_text(
            f'schema = 3\nproject = "shop"\nchannel = "stable"\nversion = {version}\n\n'
            '[[entries]]\ndomain = "adapter"\nkey = "cache"\nprovider = "redis"\n'
            f'version = "2.1.0"\nfactory = "shop_redis:Cache"\n{lines}\n'
        )
        return file

    return write
