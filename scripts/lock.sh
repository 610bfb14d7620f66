#!/usr/bin/env bash
# One universal lock for Python 3.11 to 3.13, one version of each package, hashes, no hosts.
# `bash scripts/lock.sh --upgrade` takes newer versions; without it only what changed is added.
set -euo pipefail
cd "$(dirname "$0")/.."
flags=(--universal --python-version 3.11 --generate-hashes --fork-strategy fewest
  --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet "$@")
# The build backend is locked too: the project is installed without build isolation.
uv pip compile "${flags[@]}" --extra lab --extra load --extra yaml --group build pyproject.toml -o requirements/lab.txt
uv pip compile "${flags[@]}" --extra test --extra docs --group build --group gates pyproject.toml -o requirements/dev.txt
# The peers have an environment of their own; what both hold is one version.
uv pip compile "${flags[@]}" --constraint requirements/dev.txt --extra bench --group build pyproject.toml -o requirements/bench.txt
