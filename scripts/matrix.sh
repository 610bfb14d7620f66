#!/usr/bin/env bash
# The extension in the oldest JupyterLab and Notebook that are supported, and in the newest: the
# browser tests of what it does there, each row in an environment of its own that is thrown away.
# Needs chromium.
#
#     bash scripts/matrix.sh            # JupyterLab 4.0 with Notebook 7.0, then the newest of both
#     bash scripts/matrix.sh 4.2 7.2    # these
set -euo pipefail
cd "$(dirname "$0")/.."
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT

row() { # the specifiers of both
  "${PYTHON:-python3}" -m venv --clear "$where/venv"
  "$where/venv/bin/python" -m pip install -q --disable-pip-version-check \
    "jupyterlab$1" "notebook$2" ".[fast,lab,load,yaml]" \
    "hypothesis>=6.100" "playwright>=1.48" "pytest>=9" "sybil>=8"
  "$where/venv/bin/python" -m pip list --disable-pip-version-check 2>/dev/null |
    grep -E '^(anywidget|ipykernel|ipywidgets|jupyterlab|notebook) '
  "$where/venv/bin/jupyter" labextension list 2>&1 | grep "jupyterlab-oneiric v"
  # The tests bring the tree's own package and extension, which is what is to be shown.
  ONEIRIC_CI=1 PYTHONPATH=$PWD "$where/venv/bin/python" -m pytest -q -p no:cacheprovider \
    tests/browser/test_{output,panel,viewer,explorer,release,notebook7}.py
}

if [ $# -gt 0 ]; then
  row "==$1.*" "==${2:-7}.*"
else
  row "==4.0.*" "==7.0.*"
  row ">=4" ">=7"
fi
