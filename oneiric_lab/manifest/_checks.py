"""Texts of an entry that a pattern cannot judge: versions, requirements, licences, addresses."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from oneiric_lab.registry import is_target, parse_version, requirement, specifier

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = "oneiric"
"""Type of the errors raised here; their context says what was expected and what helps."""

# sys.platform; FreeBSD's has its version in it.
PLATFORMS = ("linux", "darwin", "win32", "cygwin", "android", "ios", "emscripten", "wasi", "aix")
_PLATFORM = re.compile(rf"(?:{'|'.join(PLATFORMS)}|freebsd[0-9]+)\Z")
_MEANT = {"windows": "win32", "win": "win32", "macos": "darwin", "osx": "darwin", "mac": "darwin"}
_URI_TEXT = re.compile(r"[!-~]+\Z")
_URI_UNSAFE = re.compile(r"""[\s"<>\\^`{|}#]""")
# What nearly every version looks like; the rest is asked of packaging.
_PLAIN_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}\Z", re.ASCII)
# So do addresses; what has a port, a user or anything unusual is taken apart.
_PLAIN_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?:/[\w.~/%+=&?-]*)?\Z", re.ASCII
)


def _refuse(wanted: str, fix: str, *, secret: bool = False) -> PydanticCustomError:
    context = {"wanted": wanted, "fix": fix, "secret": secret}
    return PydanticCustomError(REFUSED, "expected {wanted}", context)


def version(text: str) -> str:
    """Return *text* where it is a version of PEP 440."""
    if not _PLAIN_VERSION.match(text):
        try:
            parse_version(text)
        except ValueError:
            raise _refuse("a version (PEP 440)", "write it as 1.2.0") from None
    return text


def specifiers(text: str) -> str:
    """Return *text* where it is a set of version specifiers of PEP 440; an empty one takes all."""
    try:
        specifier(text)
    except ValueError:
        raise _refuse("versions (PEP 440)", "write them as >=1,<2") from None
    return text


def distribution(text: str) -> str:
    """Return *text* where it is a requirement of PEP 508."""
    try:
        requirement(text)
    except ValueError:
        raise _refuse("a requirement (PEP 508)", "write it as boto3>=1.34") from None
    return text


def component(text: str) -> str:
    """Return *text* where it names a component."""
    if not is_target(text):
        raise _refuse("a component", "write it as adapter:cache")
    return text


def rival(text: str) -> str:
    """Return *text* where it names a component or a distribution."""
    return text if is_target(text) else distribution(text)


def meant_platform(text: object) -> object:
    """Return the name that `sys.platform` has for a platform, where people say another."""
    return _MEANT.get(text.lower(), text) if isinstance(text, str) else text


def version_of_wheel(uri: str) -> str | None:
    """Return the version that the name of a wheel says, None where it is no wheel."""
    from packaging.utils import (  # noqa: PLC0415 - for migrations only
        InvalidWheelFilename,
        parse_wheel_filename,
    )

    try:
        return str(parse_wheel_filename(uri.rpartition("/")[2])[1])
    except InvalidWheelFilename:
        return None


def platform(text: str) -> str:
    """Return *text* where it is a platform as `sys.platform` names them."""
    if not _PLATFORM.match(text):
        meant = _MEANT.get(text.lower())
        known = f"did you mean `{meant}`?" if meant else f"known: {', '.join(PLATFORMS)}"
        raise _refuse("a platform as sys.platform names it", known)
    return text


@lru_cache(maxsize=256)
def meant_licence(text: str) -> str | None:
    """Return an SPDX expression in SPDX's own letters, None where it is none."""
    from packaging.licenses import (  # noqa: PLC0415 - 3 ms, where one is stated
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def licence(text: str) -> str:
    """Return *text* where it is an SPDX expression, in SPDX's own letters."""
    written = meant_licence(text)
    if written is None:
        raise _refuse("a licence expression (SPDX)", "write it as MIT or Apache-2.0 OR MIT")
    if written != text:
        raise _refuse("a licence expression (SPDX) in its own letters", f"write {written}")
    return text


def address(text: str) -> str:
    """Return *text* where it is an address of the web."""
    if _PLAIN_ADDRESS.match(text):
        return text
    fault = _fault_of_uri(text)
    if fault is None and urlsplit(text).scheme not in {"https", "http"}:
        fault = "the scheme https or http"
    if fault is None and not urlsplit(text).hostname:
        fault = "a host"
    if fault is not None:
        raise _refuse(
            f"an address with {fault}",
            "write it as https://example.com/page",
            secret=fault == _NO_USER,
        )
    return text


def artifact(text: str) -> str:
    """Return *text* where it is an address of the web, or a path below the manifest."""
    if _PLAIN_ADDRESS.match(text):
        return text
    parts = text.split("/")
    if ":" in parts[0]:
        return address(text)
    fault = _fault_of_uri(text)
    if fault is None and (parts[0] == "" or {".", "..", ""} & {*parts}):
        fault = "steps downwards only"
    if fault is not None:
        raise _refuse(f"an address, or a path with {fault}", "write it as dist/shop-1.0.whl")
    return text


_NO_USER = "no user name in it"


def _fault_of_uri(text: str) -> str | None:
    """Return what an address lacks, or None; control characters and user names are refused."""
    if not _URI_TEXT.match(text) or _URI_UNSAFE.search(text):
        return "letters of ASCII, others as %20"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "a host and a port"
    if parts.username is not None or parts.password is not None:
        return _NO_USER
    return "a port" if port == 0 else None


CHECKS: dict[str, Callable[[str], str]] = {
    "pep440-version": version,
    "pep440-specifiers": specifiers,
    "pep508-requirement": distribution,
    "component": component,
    "component-or-pep508-requirement": rival,
    "sys-platform": platform,
    "spdx-expression": licence,
    "web-address": address,
    "artifact-address": artifact,
}
"""The name that the JSON Schema gives a check (as `format`) to the check itself."""
