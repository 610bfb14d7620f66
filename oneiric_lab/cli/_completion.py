"""Completion in bash, zsh and fish.

eval "$(_ONEIRIC_LAB_COMPLETE=bash_source oneiric-lab)"      # in ~/.bashrc
eval "$(_ONEIRIC_LAB_COMPLETE=zsh_source oneiric-lab)"       # in ~/.zshrc
_ONEIRIC_LAB_COMPLETE=fish_source oneiric-lab | source       # in config.fish
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ZshComplete,
    split_arg_string,
)

from oneiric_lab.commands import Interaction, Names, known_names
from oneiric_lab.files import stat_key, write_atomic

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem, ShellComplete

    from oneiric_lab.commands import Context

_PROGRAM = "oneiric-lab"
_VARIABLE = "_ONEIRIC_LAB_COMPLETE"

# Bash takes `:` and `=` for ends of words, so `adapter:ca` reaches a function as three words,
# and what the function returns replaces the last one only. The line itself is whole.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                [[ $value == *[.:=] ]] && compopt -o nospace ;;
        esac
    done
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Bash, with words that hold a colon or an equals sign."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one that is typed."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return words, incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """Return the completions without what stands before the last end of a word."""
        found = super().get_completions(args, incomplete)
        start = max(incomplete.rfind(":"), incomplete.rfind("=")) + 1
        for item in found:
            item.value = item.value[start:]
        return found


def cached_names(context: Context) -> Names | None:
    """Return the names of the workspace, from a file where nothing changed since.

    To open a workspace takes half a second and a Tab must not. The file holds names and no
    value; it counts for as long as every file that the workspace was read from, its own
    modules and the installed packages are as they were.
    """
    file = _cache_file(context)
    try:
        kept = json.loads(file.read_bytes())
        if all(_seen(path) == key for path, key in kept["files"]):
            return Names(**kept["names"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # not there yet, or not ours
    names = known_names(context)
    if names is None:
        return None
    from oneiric_lab.lab import followed  # noqa: PLC0415 - loaded by now

    lab = context.lab()
    modules = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    files = [str(path) for path in followed(lab.snapshot)]
    files += [name for name in modules if Path(name).is_relative_to(lab.root)]
    data = {
        "files": [(name, _seen(name)) for name in dict.fromkeys([*files, *sys.path])],
        "names": asdict(names),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps(data).encode())
    except OSError:
        pass  # nowhere to keep it: slower, and no less right
    return names


def _seen(name: str) -> list[int] | None:
    key = stat_key(Path(name))
    return None if key is None else list(key)


def _cache_file(context: Context) -> Path:
    """Return where the names of these options, under this environment, are kept."""
    options = (context.profiles, context.config, context.sets, context.policy)
    own = {k: v for k, v in os.environ.items() if k.startswith("ONEIRIC_")}
    root = Path(context.workspace).expanduser().resolve()
    told = json.dumps([str(root), options, sorted(own.items()), sys.version])
    state = os.environ.get("ONEIRIC_STATE_DIR")
    if state is None:
        from platformdirs import user_cache_path  # noqa: PLC0415 - where nobody says a folder

        folder = user_cache_path("oneiric-lab")
    else:
        folder = Path(state)
    return folder / "names" / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.json"


_SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": ZshComplete, "fish": FishComplete}


def complete(root: click.Command, given: list[str], instruction: str) -> int:
    """Print the script of a shell (`bash_source`) or completions (`bash_complete`)."""
    shell, _, what = instruction.partition("_")
    kind = _SHELLS.get(shell)
    if kind is None or what not in {"source", "complete"}:
        return 1
    asked = kind(root, {"obj": Interaction(names=cached_names)}, _PROGRAM, _VARIABLE)
    print(asked.source() if what == "source" else asked.complete())
    return 0
