"""The magic, its completion and its help.

A misused option raises our own error: IPython's UsageError is printed and passes a strict
run of the notebook unseen.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from oneiric_lab.commands import Interaction, root, run
from oneiric_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from oneiric_lab.lab import Lab

_START = re.compile(r"^\s*(?:[\w\s,.\[\]'\"]+=\s*)?%%?oneiric[ \t]+")
_HELP = re.compile(r"^(\s*)%%?oneiric((?:\s+[\w-]+)*)\s*\?{1,2}\s*$")
_MOST = 500


class Door:
    """One kernel's door: its open workspaces and its magic."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._body: str | None = None
        self._names = names
        self.interaction = Interaction(
            layer="session", body=lambda: self._body, current=self._current
        )

    def _current(self) -> Lab[Any] | None:
        """Return what the notebook calls `lab`: `%oneiric` and its cells speak of one lab."""
        found = self._names.get("lab")
        if found is None:
            return None
        from oneiric_lab.lab import Lab  # noqa: PLC0415 - there is one, or something of the name

        return found if isinstance(found, Lab) else None

    def magic(self, line: str, cell: str | None = None) -> Any:
        """Run one verb; the cell below `%%oneiric` is its text."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"{error} in: {line}", fix="close the quote") from None
        as_json = "--json" in words
        words = [word for word in words if word != "--json"]
        self._body = cell
        try:
            result = run(words, self.interaction, prog="%oneiric")
        finally:
            self._body = None
        return json.loads(result.to_json()) if as_json and result is not None else result

    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete verbs, options, paths and components."""
        from click.shell_completion import ShellComplete  # noqa: PLC0415 - at the first Tab
        from IPython.core.completer import SimpleCompletion  # noqa: PLC0415 - loaded in a kernel

        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        match = _START.match(line)
        if match is None:
            return {"completions": [], "suppress": False}
        rest = line[match.end() :]
        words = rest.split()
        fragment = "" if not rest or rest[-1].isspace() else words.pop()
        shell = ShellComplete(root, {"obj": self.interaction}, "%oneiric", "_X")
        items = [item.value for item in shell.get_completions(words, fragment)]
        # Where nothing matches, the fragment itself: else jedi runs for half a second.
        return {
            "completions": [SimpleCompletion(text=text) for text in items[:_MOST] or [fragment]],
            "matched_fragment": fragment,
            "suppress": True,
        }


def ask_help(lines: list[str]) -> list[str]:
    """Turn `%oneiric VERB?` into `%oneiric VERB --help`.

    Example:
        >>> ask_help(["%oneiric explain?"])
        ['%oneiric explain --help\\n']
    """
    if len(lines) == 1 and (match := _HELP.match(lines[0])) is not None:
        return [f"{match[1]}%oneiric{match[2]} --help\n"]
    return lines


_matchers: dict[int, Any] = {}


def load(shell: InteractiveShell) -> None:
    """Register magic, completion and help with *shell*."""
    from IPython.core.completer import context_matcher  # noqa: PLC0415 - loaded in a kernel

    unload(shell)
    door = Door(shell.user_ns)

    def oneiric(line: str, cell: str | None = None) -> Any:
        """Ask a workspace: `%oneiric explain server.port`; `%oneiric --help` lists the verbs."""
        return door.magic(line, cell)

    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        return door.complete(context)

    # IPython's decorator has no types; it marks the function and returns it.
    marked: Any = context_matcher(identifier="oneiric_lab", priority=200)
    matcher = marked(matcher)
    # IPython types this method as if the shell were its argument.
    register: Any = shell.register_magic_function
    register(oneiric, "line_cell", "oneiric")
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(matcher)
    shell.input_transformers_cleanup.append(ask_help)
    _matchers[id(shell)] = matcher


def unload(shell: InteractiveShell) -> None:
    """Remove what `load` registered; nothing happens where nothing was."""
    matcher = _matchers.pop(id(shell), None)
    if matcher is None:
        return
    if matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(matcher)
    if ask_help in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(ask_help)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("oneiric", None)
