"""All that loading needs, as data: nothing global is read below `lab`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path as FilePath

    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class SessionValue:
    """A value that a kernel or a program set for itself.

    Attributes:
        path: Dotted path.
        value: Any value the field takes.
        name: How messages call it, such as `cell [12]`.
    """

    path: str
    value: object = field(repr=False)
    name: str = "session"


@dataclass(frozen=True, slots=True)
class PackageDefaults:
    """The defaults file of an installed plugin.

    Attributes:
        name: The plugin.
        file: Path as people are shown it.
        data: Its bytes, TOML.
    """

    name: str
    file: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a snapshot is made from.

    Attributes:
        root: Folder of the workspace.
        profiles: Active profiles in order; None asks ONEIRIC_PROFILE, then `profile.name`.
        environ: The environment.
        config_files: Files given by `--config`, in order.
        sets: Options given by `--set`, as `path=value`.
        session: Values of this kernel or program.
        policy: File that locks values; None looks for `policy.toml` in *system_dir*.
        system_dir: Folder of the machine's `oneiric.toml`.
        user_dir: Folder of the user's `oneiric.toml`.
        package_defaults: Of installed plugins.
        schema: The user's model, imported already.
        secret_providers: Asked for secrets after environment and folder.
        secret_component: Asked last where `secrets.provider` names one.
        keep_secrets: Asked for each secret with its `SecretSource`, instead of that.
        bare: Whether only the built-in tables matter, as before the user's model is known:
            an expression that needs one of its defaults is then left out, and no secret is
            looked for.
    """

    root: FilePath
    profiles: tuple[str, ...] | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    config_files: tuple[FilePath, ...] = ()
    sets: tuple[str, ...] = field(default=(), repr=False)
    session: tuple[SessionValue, ...] = ()
    policy: FilePath | None = None
    system_dir: FilePath | None = None
    user_dir: FilePath | None = None
    package_defaults: tuple[PackageDefaults, ...] = ()
    schema: type[BaseModel] | None = None
    secret_providers: tuple[Callable[[str], str | None], ...] = ()
    secret_component: Callable[[str], str | None] | None = None
    keep_secrets: Callable[[Any, str], str | None] | None = None
    bare: bool = False
