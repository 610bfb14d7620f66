"""Arguments that complete themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from oneiric_lab.errors import OneiricError

from ._context import Context, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneiric_lab.lab import Lab


def _lab(ctx: click.Context) -> Lab[Any] | None:
    """Return the workspace that is being completed in, None where it does not open."""
    top = ctx.find_root()
    interaction = top.obj if isinstance(top.obj, Interaction) else Interaction()
    workspace = top.params.get("workspace") or interaction.workspace
    context = Context(interaction, workspace, tuple(top.params.get("profiles") or ()))
    try:
        return context.lab()
    except OneiricError:
        return None


def segments(paths: Iterable[str], incomplete: str) -> list[str]:
    """Return the paths that go on from *incomplete*, one dotted segment further.

    Example:
        >>> segments(["server.port", "server.tls.cert", "name"], "ser")
        ['server.']
        >>> segments(["server.port", "server.tls.cert", "name"], "server.")
        ['server.port', 'server.tls.']
    """
    out: dict[str, None] = {}
    start = len(incomplete)
    for path in paths:
        if path.startswith(incomplete):
            dot = path.find(".", start)
            out[path if dot < 0 else path[: dot + 1]] = None
    return list(out)


class PathType(click.ParamType[str]):
    """A path of a value."""

    name = "path"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete one dotted segment."""
        lab = _lab(ctx)
        if lab is None:
            return []
        return [CompletionItem(p) for p in segments(lab.snapshot.paths(), incomplete)]


class TargetType(click.ParamType[str]):
    """A path of a value, or a component."""

    name = "target"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete a path by its segments and a component whole."""
        lab = _lab(ctx)
        if lab is None:
            return []
        known = lab.registry.current.keys()
        components = [target for target in known if target.startswith(incomplete)]
        paths = segments(lab.snapshot.paths(), incomplete)
        return [CompletionItem(p) for p in [*paths, *components]]


class ProviderType(click.ParamType[str]):
    """A provider of the component that was named before."""

    name = "provider"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the providers of the component."""
        lab = _lab(ctx)
        domain, _, key = str(ctx.params.get("target") or "").partition(":")
        if lab is None or not key:
            return []
        names = dict.fromkeys(c.provider for c in lab.registry.current.candidates(domain, key))
        return [CompletionItem(n) for n in names if n.startswith(incomplete)]
