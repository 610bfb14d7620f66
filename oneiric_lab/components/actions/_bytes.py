"""`action:compression` and `action:hash`: bytes packed, unpacked within a bound, and named."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from oneiric_lab.components._settings import ComponentSettings
from oneiric_lab.config import Secret  # noqa: TC001 - pydantic reads the annotations

from ._payload import Bytes, action_fault, base64_of

if TYPE_CHECKING:
    from collections.abc import Callable

Algorithm = Literal["gzip", "zlib", "bz2", "xz"]
_STEP = 64 * 1024


class CompressionSettings(ComponentSettings):
    """Settings of `action:compression`."""

    algorithm: Algorithm = "gzip"
    """Where the payload names none."""
    max_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024
    """Most bytes that come out, packed or unpacked: a few packed ones can hold gigabytes."""


class _CompressionPayload(Bytes):
    operation: Literal["compress", "decompress"] = "compress"
    """What shall be done."""
    algorithm: Algorithm | None = None
    """How; that of the settings by default."""


class Compression:
    """Packs and unpacks bytes; the same bytes give the same result, on any day.

    Example:
        >>> pack = Compression()
        >>> packed = pack({"text": "boat " * 100})
        >>> packed["bytes"] < 50
        True
        >>> pack({"base64": packed["base64"], "operation": "decompress"})["text"][:4]
        'boat'
    """

    payload_model = _CompressionPayload

    def __init__(self, settings: CompressionSettings | None = None) -> None:
        self._settings = settings or CompressionSettings()

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `bytes` and `base64`; of what was unpacked also `text`, where it is UTF-8.

        Raises:
            UsageError: The payload is none.
            ActionError: It is not packed so, or unpacks to more than is allowed.
        """
        said = _CompressionPayload.of(payload)
        data, most = said.data(), self._settings.max_bytes
        name = said.algorithm or self._settings.algorithm
        pack, reader, broken = _codec(name)
        if said.operation == "compress":
            out = pack(data)
            if len(out) > most:
                raise _too_large("packs", most)
            return {"algorithm": name, "bytes": len(out), "base64": base64_of(out)}
        try:
            out = unpacked(data, reader, most)
        except broken as error:
            raise action_fault("action-data", f"expected bytes packed by {name}: {error}") from None
        found: dict[str, Any] = {"algorithm": name, "bytes": len(out), "base64": base64_of(out)}
        with suppress(UnicodeDecodeError):  # bytes that are no text
            found["text"] = out.decode()
        return found


def unpacked(data: bytes, reader: Callable[[], Any], most: int) -> bytes:
    """Return what was packed, several members included, and never more than *most* bytes.

    Raises:
        ActionError: It is larger; what comes after the bound is not unpacked.
        EOFError: It ends too early.
    """
    out: list[bytes] = []
    size = 0
    rest = data
    while rest or not out:
        one = reader()
        while not one.eof:
            # One byte more than is allowed is enough to know.
            part = one.decompress(rest, min(_STEP, most - size + 1))
            rest = b"" if not hasattr(one, "unconsumed_tail") else one.unconsumed_tail
            size += len(part)
            out.append(part)
            if size > most:
                raise _too_large("unpacks", most)
            if not part and not rest and not one.eof and getattr(one, "needs_input", True):
                raise EOFError("it ends too early")
        rest = one.unused_data
    return b"".join(out)


def _too_large(verb: str, most: int) -> Exception:
    return action_fault("action-too-large", f"{verb} to more than {most} bytes")


def _codec(name: str) -> tuple[Callable[[bytes], bytes], Callable[[], Any], Any]:
    """Return what packs, what makes a reader, and what a reader raises."""
    if name in {"gzip", "zlib"}:
        import gzip  # noqa: PLC0415 - one of four
        import zlib  # noqa: PLC0415 - see above

        if name == "zlib":
            return zlib.compress, zlib.decompressobj, (zlib.error, EOFError)

        def pack(data: bytes) -> bytes:
            # Without a time of its own the result depends on the data only.
            return gzip.compress(data, mtime=0)

        return pack, lambda: zlib.decompressobj(31), (zlib.error, EOFError)
    if name == "bz2":
        import bz2  # noqa: PLC0415 - see above

        return bz2.compress, bz2.BZ2Decompressor, (OSError, EOFError, ValueError)
    import lzma  # noqa: PLC0415 - see above

    # A dictionary may claim memory that the data never need.
    limit = 256 * 1024 * 1024
    return (
        lzma.compress,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limit),
        (lzma.LZMAError, EOFError),
    )


class HashSettings(ComponentSettings):
    """Settings of `action:hash`."""

    algorithm: Literal["sha256", "sha512", "sha3_256", "blake2b"] = "sha256"
    """Where the payload names none."""
    key: Secret[str] | None = None
    """Where it is said, an HMAC by this key is made instead."""


class _HashPayload(Bytes):
    json_: Annotated[Any, Field(alias="json")] = None
    """Any JSON data; its canonical form (RFC 8785) is hashed."""
    algorithm: Literal["sha256", "sha512", "sha3_256", "blake2b"] | None = None
    """How; that of the settings by default."""

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return the names that say what the bytes are."""
        return ("text", "base64", "json_")

    def data(self) -> bytes:
        """Return the bytes, of JSON data its canonical form."""
        if "json_" not in self.model_fields_set:
            return super().data()
        from oneiric_lab.canonical import encode  # noqa: PLC0415 - texts need none

        return encode(self.json_)


class Hash:
    """Names bytes, or JSON data whatever the order of its names, by their digest.

    Example:
        >>> Hash()({"json": {"b": 1, "a": 2}}) == Hash()({"json": {"a": 2, "b": 1.0}})
        True
        >>> Hash()({"text": "boat"})["digest"][:15]
        'sha256:25cdb46d'
    """

    payload_model = _HashPayload

    def __init__(self, settings: HashSettings | None = None) -> None:
        self._settings = settings or HashSettings()

    def __call__(self, payload: object) -> dict[str, Any]:
        """Return `algorithm`, `hex` and `digest`, which is both.

        Raises:
            UsageError: The payload is none.
            CanonicalError: JSON that has no canonical form.
        """
        said = _HashPayload.of(payload)
        name: str = said.algorithm or self._settings.algorithm
        if self._settings.key is None:
            found = hashlib.new(name, said.data()).hexdigest()
        else:
            secret = self._settings.key.reveal().encode()
            found = hmac.new(secret, said.data(), name).hexdigest()
            name = f"hmac-{name}"
        return {"algorithm": name, "hex": found, "digest": f"{name}:{found}"}
