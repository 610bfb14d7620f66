"""Where secrets are looked for, and who has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from oneiric_lab.errors import Fault, SecretError

from ._environ import parse_dotenv
from ._secrets import SecretRef, read_secret, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ._inputs import Inputs


class FoundSecret(NamedTuple):
    """A secret as its provider gave it.

    Attributes:
        text: The secret. Nothing may show it.
        provider: Who gave it: `environment`, `directory`, `file`, or the name of what was asked.
        place: Where it stands, None where asking costs more than a look.
    """

    text: str
    provider: str
    place: Path | None = None

    def __repr__(self) -> str:
        """Return who gave it."""
        return f"FoundSecret({self.provider})"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where secrets are looked for: environment, folders, one file, then providers passed in.

    Attributes:
        environ: Read for `ONEIRIC_SECRET_NAME`.
        folders: Folders with one file a secret (Kubernetes mounts, systemd credentials).
        providers: Functions that are asked last, in order.
        file: A file of `NAME=value` lines, as a dotenv file has them.
        keep: Asked instead, where somebody keeps what was found: given this source and a name.
    """

    environ: Mapping[str, str] = field(repr=False)
    folders: tuple[Path, ...] = ()
    providers: tuple[Callable[[str], str | None], ...] = ()
    file: Path | None = None
    keep: Callable[[SecretSource, str], str | None] | None = None

    def find(self, name: str) -> str | None:
        """Return the text of the secret *name*, or None.

        Raises:
            SecretError: It cannot be read.
        """
        if self.keep is not None:
            return self.keep(self, name)
        found = self.look(name)
        return None if found is None else found.text

    def look(self, name: str) -> FoundSecret | None:
        """Return the secret *name* as who has it gives it now, or None.

        Raises:
            SecretError: It cannot be read.
            Exception: Whatever a provider that was passed in raises.
        """
        value = self.environ.get(variable_of(name))
        if value is not None:
            return FoundSecret(value, "environment")
        # A secret's name is one file name: `..` and `/` must not lead elsewhere.
        if not any(mark in name for mark in "/\\\0") and name not in {"", ".", ".."}:
            for folder in self.folders:
                if (folder / name).is_file():
                    return FoundSecret(read_secret(folder / name, name), "directory", folder)
        if self.file is not None and self.file.is_file():
            value = _of_file(self.file, name)
            if value is not None:
                return FoundSecret(value, "file", self.file)
        for provider in self.providers:
            value = provider(name)
            if value is not None:
                return FoundSecret(value, provider_name(provider))
        return None

    def is_elsewhere(self, found: FoundSecret) -> bool:
        """Tell whether asking for it again costs more than a look."""
        return found.place is None and found.provider != "environment"

    def ref(self, name: str) -> SecretRef:
        """Return a reference that finds its secret here."""
        return SecretRef(name, lambda: self.find(name))


def provider_name(provider: Callable[[str], str | None]) -> str:
    """Return how people call a provider that was passed in."""
    name = getattr(provider, "name", None) or getattr(provider, "__name__", None)
    return str(name or type(provider).__name__)


def _of_file(path: Path, name: str) -> str | None:
    text = read_secret(path, path.name)
    try:
        return {key: value for key, value, _ in parse_dotenv(text)}.get(name)
    except ValueError:
        # The reason would quote the line, which holds a secret.
        raise SecretError(
            Fault(
                "secret-unreadable",
                f"cannot read the secrets file {path.name}: a line is no NAME=value",
                fix='write each line as NAME="value"',
            )
        ) from None


def secret_source(
    inputs: Inputs, directory: object, file: object = None, provider: object = None
) -> SecretSource:
    """Return where the secrets of a workspace are looked for.

    Args:
        inputs: The workspace's.
        directory: As `secrets.directory` says.
        file: As `secrets.file` says.
        provider: As `secrets.provider` says: whether the component that has secrets is asked.
    """
    folders = [inputs.root / (directory if isinstance(directory, str) else "secrets")]
    # systemd.exec(5): where the credentials of a service are.
    credentials = inputs.environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        folders.append(inputs.root / credentials)
    asked = inputs.secret_providers
    if isinstance(provider, str) and inputs.secret_component is not None:
        asked = (*asked, inputs.secret_component)
    one = inputs.root / file if isinstance(file, str) else None
    return SecretSource(inputs.environ, tuple(folders), asked, one, inputs.keep_secrets)
