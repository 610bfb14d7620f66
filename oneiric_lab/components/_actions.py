"""Two actions on bytes: pack them, and name them by their digest."""

from __future__ import annotations

import gzip
import hashlib
from typing import Annotated, Literal

from pydantic import Field

from ._settings import ComponentSettings


class GzipSettings(ComponentSettings):
    """Settings of `action:compress` by gzip."""

    level: Annotated[int, Field(ge=1, le=9)] = 6
    max_bytes: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    """Most bytes that `unpack` returns: a few packed bytes can hold gigabytes."""


class Gzip:
    """Packs and unpacks bytes; the same bytes give the same result, on any day.

    Example:
        >>> pack = Gzip()
        >>> len(pack(b"boat" * 1000)) < 100, pack.unpack(pack(b"boat")) == b"boat"
        (True, True)
    """

    def __init__(self, settings: GzipSettings | None = None) -> None:
        self._settings = settings or GzipSettings()

    def __call__(self, data: bytes) -> bytes:
        """Return *data* packed."""
        # Without a time of its own the result depends on the data only.
        return gzip.compress(data, self._settings.level, mtime=0)

    def unpack(self, data: bytes) -> bytes:
        """Return what was packed.

        Raises:
            ValueError: It is larger than the settings allow, or not packed by gzip.
        """
        import io  # noqa: PLC0415 - packing needs none
        import zlib  # noqa: PLC0415 - see above

        limit = self._settings.max_bytes
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                out = file.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"expected bytes packed by gzip: {error}") from None
        if len(out) > limit:
            raise ValueError(f"unpacks to more than {limit} bytes")
        return out


class DigestSettings(ComponentSettings):
    """Settings of `action:digest` by hashlib."""

    algorithm: Literal["sha256", "sha512", "blake2b"] = "sha256"


class Digest:
    """Names bytes by their digest, as `sha256:…`.

    Example:
        >>> Digest()(b"boat")[:15]
        'sha256:25cdb46d'
    """

    def __init__(self, settings: DigestSettings | None = None) -> None:
        self._algorithm = (settings or DigestSettings()).algorithm

    def __call__(self, data: bytes) -> str:
        """Return the algorithm and the digest in hexadecimal."""
        return f"{self._algorithm}:{hashlib.new(self._algorithm, data).hexdigest()}"
