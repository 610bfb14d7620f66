"""The workspace's own code: which modules it names, and its schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from oneiric_lab.config import file_layers, get, load
from oneiric_lab.errors import Fault, InvalidConfigError, OneiricError

from . import _allow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from oneiric_lab.config import Inputs, Snapshot
    from oneiric_lab.errors import Origin


CODE: Final = (("plugins", "modules"), ("plugins", "packages"), ("load", "scenarios"))
"""Lists that name code of the workspace, besides its schema."""


def code_modules(snapshot: Snapshot) -> list[str]:
    """Return the modules of the workspace that opening it would import, or allow to run."""
    settings = snapshot.settings
    names = [*settings.plugins.modules, *settings.plugins.packages, *settings.load.scenarios]
    model = settings.schema_.model
    if model:
        names.append(model)
    return inside(snapshot.inputs.root, names)


def inside(root: Path, names: Sequence[str]) -> list[str]:
    """Return those of the modules *names* that stand in the workspace, without what is in them."""
    names = [name.partition(":")[0] for name in names]
    tops = {name.partition(".")[0] for name in names}
    found = {top for top in tops if _allow.own_places(root, top)}
    return sorted({name for name in names if name.partition(".")[0] in found})


def load_bare(inputs: Inputs) -> Snapshot:
    """Return the built-in tables, as before the user's model is known."""
    return load(replace(inputs, schema=None, bare=True, environ=_built_in_only(inputs.environ)))


def import_schema(inputs: Inputs, *, trusted: bool) -> type[BaseModel] | None:
    """Return the model that `[schema] model` names, imported once it was allowed."""
    try:
        bare = load_bare(inputs)
    except InvalidConfigError:
        # With the schema, opening tells of every fault of every layer.
        model = _known_in_spite(inputs, trusted=trusted)
        if model is not None:
            return model
        # It left out what may be right once the schema is known; all the rest is told here.
        load(replace(inputs, schema=None))
        raise
    name = bare.settings.schema_.model
    if name is None:
        return None
    modules = code_modules(bare)
    return model_named(inputs, name, modules, bare.origin("schema.model"), trusted=trusted)


def _known_in_spite(inputs: Inputs, *, trusted: bool) -> type[BaseModel] | None:
    """Return the model where its name can be read though a layer has faults, and it may run."""
    names: list[str] = []
    model: tuple[str, Origin] | None = None
    for layer in file_layers(inputs):
        for path in CODE:
            given = get(layer.tree, path, None)
            names += [n for n in given if isinstance(n, str)] if isinstance(given, list) else []
        name = get(layer.tree, ("schema", "model"), None)
        if isinstance(name, str):
            model = name, layer.origin(("schema", "model"))
    if model is None:
        return None
    modules = inside(inputs.root, [*names, model[0]])
    try:
        return model_named(inputs, model[0], modules, model[1], trusted=trusted)
    except OneiricError:
        # First things first: that the code may not run, or has faults, is told next time.
        return None


def model_named(
    inputs: Inputs, name: str, modules: Sequence[str], origin: Origin, *, trusted: bool
) -> type[BaseModel]:
    """Return the model *name*, imported once its *modules* were allowed.

    Raises:
        NotAllowedError: They were not.
        InvalidConfigError: It cannot be imported, or is no model.
    """
    if modules and not trusted and not _allow.is_allowed(inputs.root, modules, inputs.environ):
        raise _allow.refuse(inputs.root, modules, origin)
    from pydantic import BaseModel  # noqa: PLC0415 - loaded with the settings

    try:
        model = _allow.load_object(inputs.root, name, origin)
    except OneiricError:
        raise
    except (Exception, SystemExit) as error:
        fix = "write [schema] model as package.module:Model"
        if isinstance(error, ModuleNotFoundError) and error.name != name.partition(":")[0]:
            fix = f"install what brings {error.name}, or take that import out"
        raise InvalidConfigError(
            Fault(
                "schema-import",
                f"cannot import the schema {name}: {type(error).__name__}: {error}",
                origin,
                fix=fix,
            )
        ) from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise InvalidConfigError(
            Fault(
                "schema-type",
                f"{name} is {type(model).__name__}, expected a pydantic model",
                origin,
                fix="name a class derived from pydantic.BaseModel",
            )
        )
    return model


def _built_in_only(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k.startswith("ONEIRIC_")}
