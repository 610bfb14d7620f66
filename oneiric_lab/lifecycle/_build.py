"""From a candidate to an instance, and how the instance ends."""

from __future__ import annotations

import asyncio
import inspect
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Lock, Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from anyio import CancelScope

from oneiric_lab.registry import load_factory, load_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.registry import Candidate

    End = Callable[[], Any]


NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class BuildError(Exception):
    """A factory that gave nothing that can be used."""


class Given(dict[str, Any]):
    """Settings with a stamp: what else an incarnation is made from, such as secrets' versions.

    An incarnation is in force only as long as its settings mean the same, and their stamp is
    equal.
    """

    __slots__ = ("stamp",)

    def __init__(self, settings: Mapping[str, Any], stamp: object) -> None:
        super().__init__(settings)
        self.stamp = stamp


def stamp_of(given: Mapping[str, Any]) -> object:
    """Return the stamp of settings, None where they have none."""
    return getattr(given, "stamp", None)


@dataclass(slots=True)
class Built:
    """An instance and its ends; each gives an awaitable where there is something to await.

    Attributes:
        instance: What the component is.
        close: Ends one that was in force.
        abort: Ends one that never was: it must not write down what it never did.
        health: Tells whether it is well; None where nobody can.
        settings: What its factory was called with; None where it takes none.
    """

    instance: Any
    close: End
    abort: End
    health: End | None = None
    settings: Any = None


def arguments(
    candidate: Candidate,
    factory: Callable[..., Any],
    given: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the settings that *factory* is called with, validated by the candidate's model.

    Validators of the model are given *context*, as pydantic does.

    Raises:
        ValidationError: The settings are not what the model takes.
    """
    if "settings" not in _parameters(factory):
        return {}
    model = load_named(candidate, candidate.settings_model, "settings model")
    if model is not None:
        return {"settings": model.model_validate(dict(given), context=context)}
    return {"settings": dict(given)} if given else {}


def parameters_of(candidate: Candidate) -> dict[str, str]:
    """Return which required components its factory is given: parameter to `domain:key`.

    A parameter that is called as the key of a required component receives its instance;
    where two of them share a key, it is called `domain_key`. What the factory has no
    parameter for is brought into force before it all the same.
    """
    takes = _parameters(load_factory(candidate))
    out: dict[str, str] = {}
    keys = [target.partition(":")[2] for target in candidate.requires]
    for target, key in zip(candidate.requires, keys, strict=True):
        name = key if keys.count(key) == 1 else target
        name = re.sub(r"\W", "_", name)
        if name in takes and name != "settings":
            out[name] = target
    return out


@lru_cache(maxsize=512)
def _parameters(factory: Callable[..., Any]) -> frozenset[str]:
    # Asking for a signature takes longer than all the rest of a swap.
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return frozenset()
    return frozenset(p.name for p in parameters if p.kind in _NAMED)


async def build(
    candidate: Candidate,
    given: Mapping[str, Any],
    needs: Mapping[str, Any] = NOTHING,
    context: Mapping[str, Any] | None = None,
) -> Built:
    """Return the instance of *candidate*, made with the settings *given* and what it *needs*.

    A factory may be a function, a class, a coroutine function, a generator or an async
    generator (what stands behind its `yield` is the cleanup). One that blocks and is declared
    so runs in a worker thread, and so do its end and its health check; what it gives after it
    was abandoned is ended there.

    Raises:
        Exception: Whatever the factory raised.
    """
    factory = load_factory(candidate)
    extra = arguments(candidate, factory, given, context)
    built = await _made(candidate, factory, {**extra, **needs} if needs else extra)
    built.settings = extra.get("settings")
    return built


def is_another(
    candidate: Candidate,
    built: Built,
    given: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
) -> bool:
    """Tell whether *given* means other settings than those that *built* was made with.

    What the settings model refuses is another; what it reads as the same is not.
    """
    try:
        wanted = arguments(candidate, load_factory(candidate), given, context).get("settings")
    except Exception:  # noqa: BLE001 - a validator raises what it likes; building it tells
        return True
    return bool(wanted != built.settings)


async def _made(candidate: Candidate, factory: Callable[..., Any], extra: dict[str, Any]) -> Built:
    check = load_named(candidate, candidate.health, "health check")
    if candidate.blocking and not _is_async(factory):
        built = _checked(await _in_thread(lambda: _sync(factory(**extra))), check)
        return Built(
            built.instance,
            _threaded_end(built.close),
            _threaded_end(built.abort),
            None if built.health is None else _threaded(built.health),
        )
    made: Any = factory(**extra)
    if inspect.isasyncgen(made):
        return _checked(await _of_async_generator(made), check)
    if inspect.isawaitable(made):
        made = await made
    return _checked(_sync(made), check)


def _checked(built: Built, check: Callable[[Any], Any] | None) -> Built:
    """Return *built* with the candidate's health check, or the instance's own."""
    if check is not None:
        built.health = partial(check, built.instance)
    else:
        built.health = _method(built.instance, "health")
    return built


def _is_async(factory: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(factory) or inspect.isasyncgenfunction(factory)


def _sync(made: Any) -> Built:
    if inspect.isgenerator(made):
        return _of_generator(made)
    if made is None:
        raise BuildError("the factory returned nothing")
    close = _end_of(made)
    return Built(made, close, _method(made, "abort") or close)


def _end_of(instance: Any) -> End:
    return _method(instance, "aclose") or _method(instance, "close") or _nothing


def _method(instance: Any, name: str) -> End | None:
    """Return what can be called by *name*; a price has a `close`, too, and a player a `health`."""
    found = getattr(instance, name, None)
    return found if callable(found) else None


def _threaded(call: End) -> End:
    """Return *call* as what runs in a worker thread: what blocks to begin blocks later on."""
    if inspect.iscoroutinefunction(call):
        return call

    async def run() -> Any:
        from anyio import to_thread  # noqa: PLC0415 - few factories block

        # Abandoned at its time limit, which no thread can be made to keep.
        return await to_thread.run_sync(call, abandon_on_cancel=True)

    return run


def _threaded_end(call: End) -> End:
    """Return *call*, which ends an instance, as what runs in a worker thread.

    It is done though nobody waits for it any more. A busy pool may not have begun it at its
    time limit, and drops what was given up; then a thread of its own does it.
    """
    if inspect.iscoroutinefunction(call):
        return call

    async def run() -> Any:
        from anyio import to_thread  # noqa: PLC0415 - few factories block

        # Whoever takes it, once and for good, makes the call.
        turn = Lock()

        def begin() -> Any:
            return call() if turn.acquire(blocking=False) else None

        try:
            return await to_thread.run_sync(begin, abandon_on_cancel=True)
        finally:
            if turn.acquire(blocking=False):
                Thread(target=_end_here, args=(call,), daemon=True).start()

    return run


def _nothing() -> None:
    """Nothing is to be closed."""


def _of_generator(made: Any) -> Built:
    try:
        instance = next(made)
    except StopIteration:
        raise BuildError("the factory ended before it yielded an instance") from None

    def close() -> None:
        try:
            next(made)
        except StopIteration:
            return
        made.close()
        raise BuildError("the factory yielded twice")

    return Built(instance, close, made.close)


async def _of_async_generator(made: Any) -> Built:
    try:
        instance = await anext(made)
    except StopAsyncIteration:
        raise BuildError("the factory ended before it yielded an instance") from None

    async def close() -> None:
        try:
            await anext(made)
        except StopAsyncIteration:
            return
        await made.aclose()
        raise BuildError("the factory yielded twice")

    return Built(instance, close, made.aclose)


async def _in_thread(call: Callable[[], Built]) -> Built:
    from anyio import to_thread  # noqa: PLC0415 - few factories block

    lock, abandoned, done = Lock(), False, list[Built]()

    def run() -> Built:
        built = call()
        with lock:
            done.append(built)
            if not abandoned:
                return built
        # Nobody waits for it any more: who made it ends it.
        _end_here(built.abort)
        return built

    try:
        return await to_thread.run_sync(run, abandon_on_cancel=True)
    except BaseException:
        with lock:
            abandoned = True
            late = list(done)
        for built in late:
            # It was made, and its maker went on: this waiter was cancelled as it came.
            with CancelScope(shield=True):
                await to_thread.run_sync(_end_here, built.abort)
        raise


def _end_here(call: End) -> None:
    """End in this thread what nobody waits for; what goes wrong has nobody to be told."""
    with suppress(Exception):
        value = call()
        if inspect.iscoroutine(value):
            asyncio.run(value)
