"""Who provides one component: a question that is asked of the registry again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.errors import OneiricError, did_you_mean

from ._wish import StepError

if TYPE_CHECKING:
    from oneiric_lab.registry import Candidate, Generation, Registry


class Question:
    """Who provides a component; what one generation answers by name is asked once."""

    def __init__(self, registry: Registry, domain: str, key: str) -> None:
        self._registry, self._domain, self._key = registry, domain, key
        self._asked = 0
        self._answers: dict[tuple[str, frozenset[str]], Candidate] = {}

    def answer(self, provider: str | None, need: frozenset[str]) -> Candidate:
        """Return the candidate that is in question.

        Args:
            provider: Of whom; None is whom the registry says.
            need: Capabilities that it must have.

        Raises:
            StepError: There is none, or it may not win.
        """
        try:
            if provider is None:
                return self._registry.resolve(self._domain, self._key, need or None)
            generation = self._registry.current
            if generation.number != self._asked:
                self._asked, self._answers = generation.number, {}
            found = self._answers.get((provider, need))
            if found is None:
                # Kept: a ranking takes a third of a swap.
                found = self._answers[provider, need] = self._named(generation, provider, need)
        except OneiricError as error:
            raise StepError("choose", error.faults[0].message, refused=True) from None
        return found

    def _named(self, generation: Generation, provider: str, need: frozenset[str]) -> Candidate:
        answer = generation.explain(self._domain, self._key, need or None)
        for ranked in answer.ranking:
            if ranked.candidate.provider == provider:
                return ranked.candidate
        for out in answer.rejected:
            if out.candidate.provider == provider:
                why = f"{provider} {out.refusals[0].reason}"
                raise StepError("choose", why, refused=True)
        known = {ranked.candidate.provider for ranked in answer.ranking}
        near = did_you_mean(provider, known) or "nobody provides it"
        why = f"unknown provider `{provider}` of {self._domain}:{self._key}; {near}"
        raise StepError("choose", why, refused=True)
