"""How the documentation is built: `make docs`, offline, warnings are errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import generated  # noqa: E402 - its folder was just put on the path

import oneiric_lab  # noqa: E402 - see above

if TYPE_CHECKING:
    from sphinx.application import Sphinx

generated.write_all()

project = "Oneiric Lab"
author = "the authors of Oneiric Lab"
copyright = "the authors of Oneiric Lab"  # noqa: A001 - Sphinx reads this name
version = release = oneiric_lab.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "**/_*.md", "tutorials/.ipynb_checkpoints"]

# Notebooks are run strictly by the tests; here their committed outputs are shown.
nb_execution_mode = "off"
# Outputs carry our own mime type beside HTML, which this page cannot show.
# Dialogues and error cards are not what the lexer of their name expects in every line.
# A signature says the bare name of a type, and `State` is one of lifecycle and one of trust.
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure", "ref.python"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Quotes and dots of prose only: the two dashes of an option are no dash.
smartquotes_action = "qe"

# Docstrings write `code` in single backticks, and say types in prose where it helps.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "imported-members": True}
napoleon_use_ivar = True
# References to other projects are not resolved: nothing is fetched when this is built.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!oneiric_lab\.).*"),
    (r"py:.*", r"oneiric_lab\.(?:.*\.)?_.*"),
]

html_theme = "furo"
html_title = "Oneiric Lab"
html_static_path = ["_static"]
html_css_files = ["views.css"]
html_extra_path = ["reference/schemas"]


def keep_examples(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show indented blocks of module docstrings as they stand."""
    if what != "module":
        return
    out: list[str] = []
    inside = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not inside and (not out or not out[-1].strip()):
            out += ["::", ""]
        inside = indented or (inside and not line.strip())
        out.append(line)
    lines[:] = out


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what autodoc needs."""
    app.connect("autodoc-process-docstring", keep_examples, priority=100)
    return {"parallel_read_safe": True}
