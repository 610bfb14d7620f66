"""Arguments that complete themselves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._context import Context, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._names import Names

_LAYERS = ("session", "project", "local", "user")


def completing(ctx: click.Context) -> Context:
    """Return what is known of the workspace that is being completed in."""
    top = ctx.find_root()
    interaction = top.obj if isinstance(top.obj, Interaction) else Interaction()

    def many(name: str) -> tuple[str, ...]:
        return tuple(top.params.get(name) or ())

    return Context(
        interaction,
        top.params.get("workspace") or interaction.workspace,
        many("profiles"),
        many("config"),
        many("sets"),
        top.params.get("policy"),
    )


def _names(ctx: click.Context) -> Names | None:
    """Return the names of the workspace that is being completed in."""
    context = completing(ctx)
    return context.interaction.names(context)


def _target(ctx: click.Context) -> str:
    """Return the component that was named before the cursor."""
    # Behind an option that still lacks its value click leaves the arguments unread.
    return str(ctx.params.get("target") or next(iter(ctx.args), ""))


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


class Completing(click.ParamType[str], ABC):
    """A text whose completions come from the workspace."""

    name = "text"

    @abstractmethod
    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return what the argument could be; it is filtered by *incomplete* afterwards."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete where a workspace opens; else nothing is known."""
        names = _names(ctx)
        if names is None:
            return []
        known = dict.fromkeys(self.known(names, ctx, incomplete))
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


class PathType(Completing):
    """A path of a value, completed by one dotted segment."""

    name = "path"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the next segment of every path."""
        return segments(names.paths, incomplete)


class TargetType(Completing):
    """A path of a value, or a component."""

    name = "target"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the next segment of every path, and components whole."""
        return [*segments(names.paths, incomplete), *names.providers]


class ComponentType(Completing):
    """A component."""

    name = "component"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return all components."""
        return names.providers


class ProviderType(Completing):
    """A provider of the component that was named before."""

    name = "provider"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the providers of the component."""
        return names.providers.get(_target(ctx), ())


class SecretType(Completing):
    """A secret that is referred to."""

    name = "secret"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the names of secrets."""
        return names.secrets


class CapabilityType(Completing):
    """A capability that a candidate of the component has."""

    name = "capability"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the capabilities of the component's candidates."""
        return names.capabilities.get(_target(ctx), ())


class SetType(Completing):
    """`PATH=VALUE`; behind the `=` of a selection stand the providers."""

    name = "change"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the next segment of every path, or the values of a selection."""
        path, equals, _ = incomplete.partition("=")
        if equals:
            found = names.providers.get(names.selections.get(path, ""), ())
            return [f"{path}={provider}" for provider in found]
        paths = dict.fromkeys([*names.paths, *names.selections])
        return [p if p.endswith(".") else f"{p}=" for p in segments(paths, incomplete)]


class LayerType(Completing):
    """A layer that changes can be written to."""

    name = "layer"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the layers, each profile's included."""
        return [*_LAYERS, *(f"profile:{name}" for name in names.profiles)]


class ProfileType(Completing):
    """A profile of the workspace."""

    name = "profile"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return all profiles."""
        return names.profiles

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Complete without the profiles before: the word that is typed is among them."""
        ctx.find_root().params.pop("profiles", None)
        return super().shell_complete(ctx, param, incomplete)


class SideType(Completing):
    """A configuration that can be compared."""

    name = "side"

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return what is in force now, each profile, and how the others begin."""
        profiles = (f"profile:{name}" for name in names.profiles)
        return ["now", *profiles, "git:", "file:"]


class DomainType(Completing):
    """One of the seven domains; those are completed in which the workspace has components."""

    name = "domain"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return *value* where it is a domain.

        Raises:
            UsageError: With the nearest one.
        """
        from oneiric_lab.registry import DOMAINS  # noqa: PLC0415 - neither help nor Tab needs it

        if value not in DOMAINS:
            domain, colon, _ = value.partition(":")
            fix = did_you_mean(value, DOMAINS)
            if colon and domain in DOMAINS:
                fix = f"list {domain}, or of one component: explain {value}"
            raise UsageError(Fault("unknown-domain", f"unknown domain `{value}`", fix=fix))
        return value

    def known(self, names: Names, ctx: click.Context, incomplete: str) -> Iterable[str]:
        """Return the domains of all components."""
        return [target.partition(":")[0] for target in names.providers]


class Amount(click.FloatRange):
    """A finite number: what is compared with `nan` is never wrong, and never right."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, which lies in the range."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is not finite.", param, ctx)
        return found


class FileType(click.ParamType[str]):
    """A file; the shell, or the kernel's door, completes it."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Leave it to the shell, which knows files best."""
        return [CompletionItem(incomplete, type="file")]


class DirectoryType(click.ParamType[str]):
    """A folder; the shell, or the kernel's door, completes it."""

    name = "directory"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Leave it to the shell, which knows folders best."""
        return [CompletionItem(incomplete, type="dir")]
