"""Scenarios by what people write: a name, `FILE.py:Class`, or `module:Class`.

A file that somebody names is run, as `python FILE.py` would run it, unless it stands in a
workspace: code of a workspace runs where it was allowed, and not before.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from oneiric_lab.config import Inputs
from oneiric_lab.errors import Fault, OneiricError, Origin, UsageError, did_you_mean

from . import _allow
from ._code import code_modules, load_bare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from oneiric_lab.loadlab import Scenario

USERS: Final = 1
"""How many users drive a scenario of one's own where nobody says."""
_SUFFIXES: Final = (".toml", ".yaml", ".yml", ".json")
_EXAMPLE: Final = "load run loads.py:Checkout"


def find_scenario(
    name: str, root: Path, environ: Mapping[str, str]
) -> tuple[type[Scenario], Mapping[str, Any]]:
    """Return the scenario *name*, and its usual load.

    Args:
        name: One that comes with us, `FILE.py:Class`, or `module:Class`.
        root: The workspace that a module may stand in.
        environ: Says where it is remembered what was allowed.

    Raises:
        UsageError: There is none of this name, or it is no scenario.
        NotAllowedError: It is code of a workspace that was not allowed to run.
    """
    where, colon, attribute = name.rpartition(":")
    if not colon:
        return _built_in(name)
    if where.endswith(".py"):
        module = _of_file(Path(where), environ)
    else:
        module = _of_module(where, root.resolve(), environ)
    return _class_of(module, attribute, where), {"users": USERS}


def _built_in(name: str) -> tuple[type[Scenario], Mapping[str, Any]]:
    from oneiric_lab.loadlab import BUILT_IN  # noqa: PLC0415 - brings a loop; few labs drive one

    if name not in BUILT_IN:
        fix = did_you_mean(name, BUILT_IN, limit=len(BUILT_IN))
        fix = f"{fix}; or of a file: {_EXAMPLE}"
        raise UsageError(Fault("unknown-scenario", f"no scenario {name!r}", fix=fix))
    return BUILT_IN[name]


def _of_file(given: Path, environ: Mapping[str, str]) -> ModuleType:
    path = given.expanduser().resolve()
    if not path.is_file():
        raise UsageError(Fault("scenario-import", f"no such file: {given}", fix=_EXAMPLE))
    workspace = next((p for p in path.parents if _project(p) is not None), None)
    if workspace is not None:
        inner = path.relative_to(workspace)
        _need_allowed(workspace, inner.parts[0].removesuffix(".py"), str(given), environ)
    name = f"oneiric_scenario_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(Fault("scenario-import", f"{given} is no Python", fix=_EXAMPLE))
    module = module_from_spec(spec)
    # What stands beside it is found, here and in the process that drives it.
    _beside(path.parent if workspace is None else workspace)
    _beside(path.parent)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _not_imported(str(given), error, path) from error
    return _by_value(module)


def _of_module(name: str, root: Path, environ: Mapping[str, str]) -> ModuleType:
    top = name.partition(".")[0]
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(Fault("usage", f"{name!r} is no module and no file", fix=_EXAMPLE))
    try:
        if _allow.own_places(root, top) and _project(root) is not None:
            _need_allowed(root, top, name, environ)
            module: ModuleType = _allow.load_object(root, name)
            _beside(root)
        else:
            # Only what is installed: a folder's own code is named as a file.
            _refuse_folder(top, name)
            from importlib import import_module  # noqa: PLC0415 - see above

            module = import_module(name)
    except OneiricError:
        raise
    except (Exception, SystemExit) as error:
        raise _not_imported(name, error, None) from error
    return _by_value(module)


def _refuse_folder(top: str, name: str) -> None:
    spec = find_spec(top)
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    if any(place is not None and Path.cwd() in Path(place).parents for place in places):
        raise UsageError(
            Fault(
                "scenario-import",
                f"{name} stands in the current folder, and is not installed",
                fix=f"name its file: load run {name.replace('.', '/')}.py:CLASS",
            )
        )


def _need_allowed(root: Path, top: str, shown: str, environ: Mapping[str, str]) -> None:
    """Refuse code of a workspace that was not allowed, or that its digest does not cover."""
    file = _project(root)
    origin = None if file is None else Origin("project", file=file.name)
    own = {k: v for k, v in environ.items() if k.startswith("ONEIRIC_")}
    modules = code_modules(load_bare(Inputs(root, environ=own)))
    if top not in {module.partition(".")[0] for module in modules}:
        raise UsageError(
            Fault(
                "not-allowed",
                f"{shown} is code of the workspace {root.name}, which does not name it",
                origin,
                why="what is not named was not allowed to run",
                fix=f'write [load] scenarios = ["{top}:CLASS"], then: oneiric-lab allow',
            )
        )
    if not _allow.is_allowed(root, modules, environ):
        raise _allow.refuse(root, modules, origin)


def _project(folder: Path) -> Path | None:
    """Return the project file of a workspace, None where the folder is none."""
    found = (folder / f"oneiric{suffix}" for suffix in _SUFFIXES)
    return next((path for path in found if path.exists()), None)


def _class_of(module: ModuleType, attribute: str, where: str) -> type[Scenario]:
    from oneiric_lab.loadlab import Scenario  # noqa: PLC0415 - see above

    def is_scenario(value: Any) -> TypeGuard[type[Scenario]]:
        return isinstance(value, type) and issubclass(value, Scenario) and value is not Scenario

    found = getattr(module, attribute, None)
    known = [name for name, value in vars(module).items() if is_scenario(value)]
    if not is_scenario(found):
        what = "no scenario" if found is not None else "not there"
        raise UsageError(
            Fault(
                "unknown-scenario",
                f"{attribute!r} of {where} is {what}",
                fix=did_you_mean(attribute, known) or "derive it from oneiric_lab.loadlab.Scenario",
            )
        )
    return found


def _by_value(module: ModuleType) -> ModuleType:
    # The process that drives it need not find the module, nor run it again.
    with suppress(ImportError):  # told by who drives it
        import cloudpickle  # noqa: PLC0415 - of the extra `load`

        cloudpickle.register_pickle_by_value(module)
    return module


def _beside(folder: Path) -> None:
    # At the end: it shadows nothing. A worker is started with the same path.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _not_imported(shown: str, error: BaseException, path: Path | None) -> UsageError:
    line = None
    trace = error.__traceback__
    while path is not None and trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    return UsageError(
        Fault(
            "scenario-import",
            f"cannot import {shown}: {type(error).__name__}: {error}",
            None if path is None else Origin("", file=shown, line=line),
            fix="mend it, and try again",
        )
    )
