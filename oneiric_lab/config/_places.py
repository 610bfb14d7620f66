"""Paths in the settings of components: a relative one begins at the workspace's folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationInfo

if TYPE_CHECKING:
    from pathlib import Path

_BASE: Final = "oneiric_base"


def _placed(said: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get(_BASE)
    # `:memory:` is no file.
    return said if base is None or said.startswith(":") else os.path.join(base, said)  # noqa: PTH118 - a text stays one


WorkspacePath = Annotated[str, AfterValidator(_placed), Field(validate_default=True)]
"""A path in a component's settings model. A relative one, the default too, begins at the
workspace's folder where the component is built for a workspace, wherever the process stands;
`:memory:` stays what it is."""


def based_at(folder: Path | None) -> dict[str, Any]:
    """Return the pydantic context in which relative paths begin at *folder*; None is nowhere.

    Example:
        >>> from pathlib import Path
        >>> from pydantic import BaseModel
        >>> class CacheSettings(BaseModel):
        ...     path: WorkspacePath = "data/cache.db"
        >>> CacheSettings().path
        'data/cache.db'
        >>> CacheSettings.model_validate({}, context=based_at(Path("/srv/shop"))).path
        '/srv/shop/data/cache.db'
    """
    return {_BASE: folder}
