"""Look at the files of a commit: documents parse, none is huge, none holds a private key."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

MOST_BYTES = 1_000_000
# Written in two parts, so that this file is not its own finding.
KEY = b"-----BEGIN " + b"PRIVATE KEY-----"


def problem(path: Path) -> str | None:
    """Return what is wrong with a file, or None."""
    data = path.read_bytes()
    if len(data) > MOST_BYTES:
        return f"{len(data):,} bytes, more than {MOST_BYTES:,}"
    if any(KEY.replace(b"PRIVATE", kind + b"PRIVATE") in data for kind in (b"", b"RSA ", b"EC ")):
        return "holds a private key"
    # Vectors and golden files are wrong on purpose.
    if path.parts[:1] == ("tests",):
        return None
    try:
        if path.suffix == ".toml":
            tomllib.loads(data.decode())
        if path.suffix in {".json", ".ipynb"}:
            json.loads(data)
    except ValueError as error:
        return f"does not parse: {error}"
    return None


def main(names: list[str]) -> int:
    """Return 1 where any file has a problem."""
    found = [(name, why) for name in names if (why := problem(Path(name)))]
    for name, why in found:
        print(f"{name}: {why}")  # noqa: T201 - a hook speaks to its terminal
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
