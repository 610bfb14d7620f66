"""From a candidate to an instance, and how the instance ends."""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from oneiric_lab.registry import load_factory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.registry import Candidate

    End = Callable[[], Any]


class BuildError(Exception):
    """A factory that gave nothing that can be used."""


@dataclass(frozen=True, slots=True)
class Built:
    """An instance and its two ends; each gives an awaitable where there is something to await.

    Attributes:
        instance: What the component is.
        close: Ends one that was in force.
        abort: Ends one that never was: it must not write down what it never did.
    """

    instance: Any
    close: End
    abort: End


def arguments(
    candidate: Candidate, factory: Callable[..., Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what *factory* is called with: its settings, validated by the candidate's model.

    Raises:
        ValidationError: The settings are not what the model takes.
    """
    if not _takes_settings(factory):
        return {}
    model = candidate.settings_model
    if isinstance(model, str):
        from importlib import import_module  # noqa: PLC0415 - at activation only

        module, _, attribute = model.partition(":")
        model = import_module(module)
        for part in attribute.split("."):
            model = getattr(model, part)
    if model is not None:
        return {"settings": model.model_validate(dict(given))}
    return {"settings": dict(given)} if given else {}


@lru_cache(maxsize=512)
def _takes_settings(factory: Callable[..., Any]) -> bool:
    # Asking for a signature takes longer than all the rest of a swap.
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return False
    return "settings" in parameters


async def build(candidate: Candidate, given: Mapping[str, Any]) -> Built:
    """Return the instance of *candidate*.

    A factory may be a function, a class, a coroutine function, a generator or an async
    generator (what stands behind its `yield` is the cleanup), or one that blocks and is
    declared so: it runs in a worker thread, and what it gives after it was abandoned is
    closed there.

    Raises:
        Exception: Whatever the factory raised.
    """
    factory = load_factory(candidate)
    extra = arguments(candidate, factory, given)
    made: Any
    if candidate.blocking:
        made = await _in_thread(lambda: factory(**extra))
        if made is None:
            raise BuildError("the factory returned nothing")
        close = _end_of(made)
        return Built(made, _threaded(close), _threaded(getattr(made, "abort", None) or close))
    made = factory(**extra)
    if inspect.isgenerator(made):
        return _of_generator(made)
    if inspect.isasyncgen(made):
        return await _of_async_generator(made)
    if inspect.isawaitable(made):
        made = await made
    if made is None:
        raise BuildError("the factory returned nothing")
    close = _end_of(made)
    return Built(made, close, getattr(made, "abort", None) or close)


def _end_of(instance: Any) -> End:
    return getattr(instance, "aclose", None) or getattr(instance, "close", None) or _nothing


def _threaded(end: End) -> End:
    """Return *end* as what runs in a worker thread: what blocks to begin blocks to end."""
    if inspect.iscoroutinefunction(end):
        return end

    async def run() -> None:
        from anyio import to_thread  # noqa: PLC0415 - few factories block

        await to_thread.run_sync(end)

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


async def _in_thread(call: Callable[[], Any]) -> Any:
    from anyio import CancelScope, to_thread  # noqa: PLC0415 - few factories block

    lock, abandoned = Lock(), False
    left: list[Any] = []

    def run() -> Any:
        made = call()
        with lock:
            if not abandoned:
                left.append(made)
                return made
        # Nobody waits for it any more: who made it ends it.
        _give_up(made)
        return None

    try:
        return await to_thread.run_sync(run, abandon_on_cancel=True)
    except BaseException:
        with lock:
            abandoned = True
        for made in left:
            # It was made, and its taker was cancelled before it could take it.
            with CancelScope(shield=True):
                await to_thread.run_sync(_give_up, made)
        raise


def _give_up(made: Any) -> None:
    """End, in a worker thread, what nobody will ever take."""
    end = getattr(made, "abort", None) or getattr(made, "close", None)
    if end is not None:
        # Its swap was given up already, and tells why.
        with suppress(Exception):
            end()
