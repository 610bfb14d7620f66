"""What is measured: generated layers of 100 and 2,000 keys, and the model they fit.

Every benchmark belongs to a group, whose rows `scripts/performance.py` compares. CPU time
is measured, not the clock of the wall, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import os
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, create_model

from oneiric_lab.config import Inputs, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {"oneiric.toml": 1.0, "oneiric.prod.toml": 0.2, "oneiric.local.toml": 0.05}
"""Each layer, and the share of the keys that it says."""

TYPES = (int, str, float, bool, list[str])


def _value(kind: int, source: random.Random) -> Any:
    # The seeded numbers make the same layers in every run.
    return (
        lambda: source.randrange(1 << 20),
        lambda: f"v{source.randrange(1 << 20)}",
        lambda: round(source.random(), 6),
        lambda: source.choice([True, False]),
        lambda: [f"a{source.randrange(99)}", f"b{source.randrange(99)}", "c"],
    )[kind]()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).replace("'", '"')


def tables(keys: int, seed: int, share: float) -> dict[str, dict[str, Any]]:
    """Return tables of ten keys each, of which *share* are said."""
    source = random.Random(seed)
    out: dict[str, dict[str, Any]] = {}
    for table in range(keys // 10):
        said = {f"k{key}": _value(key % 5, source) for key in range(10) if source.random() < share}
        if said:
            out[f"s{table}"] = said
    return out


def text(layer: dict[str, dict[str, Any]]) -> str:
    """Return *layer* as people write it: a comment behind every fifth key."""
    lines = ["# generated layer"]
    for name, table in layer.items():
        lines.append(f"\n[{name}]")
        for key, value in table.items():
            note = f"  # note {key}" if key in {"k0", "k4", "k8"} else ""
            lines.append(f"{key} = {_toml(value)}{note}")
    return "\n".join(lines) + "\n"


@cache
def model(keys: int) -> type[BaseModel]:
    """Return a model of tables whose fields have defaults."""
    parts = {}
    for table in range(keys // 10):
        fields: dict[str, Any] = {
            f"k{key}": (TYPES[key % 5], TYPES[key % 5]()) for key in range(10)
        }
        part = create_model(f"S{table}", **fields)
        parts[f"s{table}"] = (part, part())
    return create_model(f"Model{keys}", **parts)  # type: ignore[call-overload, no-any-return]  # made of data


class Layers:
    """Three TOML files and some variables, on disk."""

    def __init__(self, root: Path, keys: int) -> None:
        self.root, self.keys = root, keys
        self.trees = [tables(keys, seed, share) for seed, share in enumerate(FILES.values())]
        self.paths = [root / name for name in FILES]
        for path, tree in zip(self.paths, self.trees, strict=True):
            path.write_text(text(tree))
        # What our own loader asks for its variables; the peers are told in code.
        with self.paths[0].open("a") as project:
            project.write('\n[schema]\nenv_prefix = "BENCH_"\n')
        # One key in a hundred, an integer of each tenth table.
        self.said = {f"s{table}": {"k0": table} for table in range(0, keys // 10, 10)}
        self.variables = {
            f"BENCH_{name.upper()}__K0": str(said["k0"]) for name, said in self.said.items()
        }
        self.environ = dict(os.environ) | self.variables
        self.schema = model(keys)

    def inputs(self) -> Inputs:
        """Return what loading needs."""
        return Inputs(
            self.root,
            profiles=("prod",),
            environ=self.environ,
            schema=self.schema,
        )

    def load(self) -> Any:
        """Return the snapshot."""
        return load(self.inputs())

    def said_by_layers(self) -> dict[str, dict[str, Any]]:
        """What every system must come to, the defaults of the schema left out."""
        out: dict[str, dict[str, Any]] = {}
        for tree in (*self.trees, self.said):
            for name, table in tree.items():
                out.setdefault(name, {}).update(table)
        return out

    @property
    def merged(self) -> dict[str, Any]:
        """The same with the defaults."""
        out = model(self.keys)().model_dump()
        for name, table in self.said_by_layers().items():
            out[name] |= table
        return out


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Layers]:
    """Return layers by their number of keys."""

    @cache
    def make(keys: int) -> Layers:
        return Layers(tmp_path_factory.mktemp(f"layers{keys}"), keys)

    return make


@pytest.fixture
def tomllib_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read TOML by the standard library, as where the fast reader is not installed."""
    from oneiric_lab.config import _formats

    monkeypatch.setattr(_formats, "_fast_reader", lambda: None)
