"""What the settings of all components share: they are frozen and take no unknown key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ComponentSettings(BaseModel):
    """Base of the settings models here."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
