"""The magic, its completion and its help.

A misused option raises our own error: IPython's UsageError is printed and passes a strict
run of the notebook unseen.
"""

from __future__ import annotations

import json
import re
import shlex
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.commands import Interaction, Stream, root, run, split_looks
from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import Owner
from oneiric_lab.lab import offer_widgets

from ._display import register as register_display
from ._display import unregister as unregister_display
from ._pages import Pages
from .widgets import OFFERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from oneiric_lab.commands import Work
    from oneiric_lab.jobs import Context
    from oneiric_lab.lab import Lab, Loads
    from oneiric_lab.views import Result

_START = re.compile(r"^\s*(?:[\w\s,.\[\]'\"]+=\s*)?%%?oneiric[ \t]+")
_HELP = re.compile(r"^(\s*)%%?oneiric((?:\s+[^\s?]+)*)\s*\?{1,2}\s*$")
_MOST = 500


class Door:
    """One kernel's door: its open workspaces and its magic."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._body: str | None = None
        self._names = names
        self.owner = Owner()
        self.pages = Pages(self._shown, self.owner)
        self._own: Loads | None = None
        self.interaction = Interaction(
            layer="session",
            body=lambda: self._body,
            current=self._current,
            takes_over=False,
            submit=self._submit,
            loads=self._loads,
            page=lambda: self.pages.versions,
        )

    def _submit(self, name: str, do: Work) -> Result:
        """Start long work in a thread of its own: a cell that waits sees no click."""

        async def work(ctx: Context) -> Result:
            from anyio import to_thread  # noqa: PLC0415 - loaded with the first job

            # Not abandoned when it is cancelled: the work asks, and ends with all it started.
            return await to_thread.run_sync(do, ctx.progress, lambda: ctx.is_cancelled)

        return self.owner.submit(work, name=name)

    def _loads(self) -> Loads:
        """Return what starts load runs: that of the notebook's `lab`, whose jobs they are."""
        current = self._current()
        if current is not None:
            return current.load
        if self._own is None:
            from oneiric_lab.lab import Loads  # noqa: PLC0415 - with the first run

            self._own = Loads(lambda: self.owner)
        return self._own

    def _current(self) -> Lab[Any] | None:
        """Return what the notebook calls `lab`: `%oneiric` and its cells speak of one lab."""
        found = self._names.get("lab")
        if found is None:
            return None
        from oneiric_lab.lab import Lab  # noqa: PLC0415 - there is one, or something of the name

        return found if isinstance(found, Lab) else None

    def _shown(self) -> Lab[Any] | None:
        """Return what a panel shows: the notebook's `lab`, else the workspace asked for last."""
        opened = list(self.interaction.labs.values())
        return self._current() or (opened[-1].lab if opened else None)

    def magic(self, line: str, cell: str | None = None) -> Any:
        """Run one verb; the cell below `%%oneiric` is its text."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"{error} in: {line}", fix="close the quote") from None
        looks, words = split_looks(words)
        self._body = cell
        try:
            result = run(words, self.interaction, prog="%oneiric")
        finally:
            self._body = None
        if isinstance(result, Stream):
            return self.owner.submit(_followed(result), name=result.name)
        if result is None or looks.quiet:
            return None
        return json.loads(result.to_json()) if looks.json else result

    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete verbs, options, paths and components."""
        from click.shell_completion import ShellComplete, split_arg_string  # noqa: PLC0415 - at the first Tab
        from IPython.core.completer import SimpleCompletion  # noqa: PLC0415 - loaded in a kernel

        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        match = _START.match(line)
        if match is None:
            return {"completions": [], "suppress": False}
        rest = line[match.end() :]
        fragment = "" if not rest or rest[-1].isspace() else rest.split()[-1]
        words = split_arg_string(rest[: len(rest) - len(fragment)])
        shell = ShellComplete(root, {"obj": self.interaction}, "%oneiric", "_X")
        items = [
            text
            for item in shell.get_completions(words, fragment)
            for text in (_files(item.value, item.type) if item.type != "plain" else (item.value,))
        ]
        # Where nothing matches, the fragment itself: else jedi runs for half a second.
        return {
            "completions": [SimpleCompletion(text=text) for text in items[:_MOST] or [fragment]],
            "matched_fragment": fragment,
            "suppress": True,
        }


def _files(fragment: str, kind: str) -> Iterator[str]:
    """Yield the files, or folders only, whose paths go on from *fragment*."""
    folder, slash, start = fragment.rpartition("/")
    try:
        found = sorted(Path(folder + slash or ".").expanduser().iterdir())
    except OSError:
        return
    for path in found:
        hidden = path.name.startswith(".") and not start.startswith(".")
        if path.name.startswith(start) and not hidden and (kind != "dir" or path.is_dir()):
            yield f"{folder}{slash}{path.name}" + ("/" if path.is_dir() else "")


def _followed(stream: Stream) -> Callable[[Context], Awaitable[None]]:
    """Return the work of a job that reads *stream* until it is cancelled."""

    async def follow(ctx: Context) -> None:
        count = 0
        async with aclosing(stream.open()) as results:
            ctx.progress(count, note="waiting for changes")
            async for result in results:
                count += 1
                ctx.progress(count, note=result.view().title)

    return follow


def ask_help(lines: list[str]) -> list[str]:
    """Turn `%oneiric VERB?` into `%oneiric VERB --help`.

    Example:
        >>> ask_help(["%oneiric explain?"])
        ['%oneiric explain --help\\n']
    """
    if len(lines) == 1 and (match := _HELP.match(lines[0])) is not None:
        return [f"{match[1]}%oneiric{match[2]} --help\n"]
    return lines


_loaded: dict[int, tuple[Door, Any]] = {}


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
    register_display(shell)
    if (manager := _comms(shell)) is not None:
        door.pages.register(manager)
    offer_widgets(OFFERS)
    _loaded[id(shell)] = door, matcher


def _comms(shell: InteractiveShell) -> Any:
    """Return what hands out comms, or None in a terminal, which no page shows."""
    return getattr(getattr(shell, "kernel", None), "comm_manager", None)


def unload(shell: InteractiveShell) -> None:
    """Remove what `load` registered; nothing happens where nothing was."""
    found = _loaded.pop(id(shell), None)
    if found is None:
        return
    door, matcher = found
    if (manager := _comms(shell)) is not None:
        door.pages.unregister(manager)
    door.owner.close()
    unregister_display(shell)
    offer_widgets({})
    if matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(matcher)
    if ask_help in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(ask_help)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("oneiric", None)
