"""Run the notebooks and keep their new outputs, with nothing in them of who ran them.

python scripts/rerun_notebooks.py [NOTEBOOK ...]; without names, all that are committed. Look
at the difference before you commit it: an output that changed is a change that users see.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def rerun(path: Path) -> None:
    """Execute the notebook at *path* in its own folder, and write it."""
    import nbformat  # noqa: PLC0415 - a second, only who runs this pays
    from nbclient import NotebookClient  # noqa: PLC0415 - see above

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # has no types
    resources = {"metadata": {"path": str(path.parent)}}
    # What a widget needs to be live is no output: it would be the larger part of the file.
    keep = {"record_timing": False, "store_widget_state": False}
    NotebookClient(notebook, timeout=60, resources=resources, **keep).execute()
    # The version of the interpreter and the times are of this machine.
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            # Of a kernel that is gone: without it every front end shows the snapshot.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Run the notebooks that are named, or all."""
    for path in [Path(name).resolve() for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb")):
        rerun(path)
        print(path.name)  # noqa: T201 - a script speaks to its terminal
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
