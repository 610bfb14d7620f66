#!/usr/bin/env bash
# The extension in the oldest JupyterLab and Notebook that are supported: the browser tests of what
# it does in JupyterLab, in an environment of its own that is thrown away. Needs chromium.
#
#     bash scripts/matrix.sh            # JupyterLab 4.0, Notebook 7.0
#     bash scripts/matrix.sh 4.2 7.2
set -euo pipefail
cd "$(dirname "$0")/.."
lab=${1:-4.0} notebook=${2:-7.0}
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
"${PYTHON:-python3}" -m venv "$where/venv"
"$where/venv/bin/python" -m pip install -q --disable-pip-version-check \
  "jupyterlab==$lab.*" "notebook==$notebook.*" ".[fast,lab,load,yaml]" \
  "hypothesis>=6.100" "playwright>=1.48" "pytest>=9" "sybil>=8"
"$where/venv/bin/jupyter" labextension list 2>&1 | grep "jupyterlab-oneiric v"
# The tests bring the tree's own package and extension, which is what is to be shown.
ONEIRIC_CI=1 PYTHONPATH=$PWD "$where/venv/bin/python" -m pytest -q -p no:cacheprovider \
  tests/browser/test_output.py tests/browser/test_panel.py tests/browser/test_viewer.py \
  tests/browser/test_notebook7.py
