"""Completion in bash, zsh and fish.

eval "$(_ONEIRIC_LAB_COMPLETE=bash_source oneiric-lab)"      # in ~/.bashrc
eval "$(_ONEIRIC_LAB_COMPLETE=zsh_source oneiric-lab)"       # in ~/.zshrc
_ONEIRIC_LAB_COMPLETE=fish_source oneiric-lab | source       # in config.fish
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from click.shell_completion import (
    BashComplete,
    FishComplete,
    ZshComplete,
    split_arg_string,
)

from oneiric_lab.commands import Interaction

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem, ShellComplete

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


_SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": ZshComplete, "fish": FishComplete}


def complete(root: click.Command, given: list[str], instruction: str) -> int:
    """Print the script of a shell (`bash_source`) or completions (`bash_complete`)."""
    shell, _, what = instruction.partition("_")
    kind = _SHELLS.get(shell)
    if kind is None or what not in {"source", "complete"}:
        return 1
    asked = kind(root, {"obj": Interaction()}, _PROGRAM, _VARIABLE)
    print(asked.source() if what == "source" else asked.complete())
    return 0
