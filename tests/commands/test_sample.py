"""The verbs on the sample workspace: the shapes of `--json`, and why-not kept to its word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import NoCandidateError
from oneiric_lab.lab import Lab
from oneiric_lab.registry import DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

ORIGIN = {"layer", "file", "line", "column"}


class TestExplainComponent:
    def test_has_the_stable_shape(self, ask_shop: Ask) -> None:
        """
        `explain DOMAIN:KEY --json` has the shape that scripts rely on.
        """
        found = ask_shop("explain", "adapter:archive").as_dict()

        keys = {"target", "winner", "decided_by", "ambiguous", "generation", "ranking", "rejected"}
        assert keys <= found.keys()
        assert {"provider", "version", "source", "source_name"} == found["winner"].keys()
        row, out = found["ranking"][0], found["rejected"][0]
        assert {
            "rank",
            "provider",
            "version",
            "score",
            "state",
            "source",
            "source_name",
            "origin",
        } <= row.keys()
        assert {
            "selected",
            "preferred",
            "priority",
            "stack_level",
            "source_rank",
            "version",
        } == row["score"].keys()
        assert {"provider", "version", "code", "reason", "reasons", "origin"} <= out.keys()
        assert out["origin"].keys() >= ORIGIN
        assert out["code"] == "markers" or "python" in out["reason"].lower()

    def test_no_winner_answers_no(self, ask_shop: Ask) -> None:
        """
        A component that nobody provides is an answer, and the answer is no.
        """
        found = ask_shop("explain", "adapter:cache", "--need", "no-such")

        assert (found.as_dict()["winner"], found.exit_code) == (None, 1)
        assert found.as_dict()["ranking"] == []

    def test_need_need_any_and_prefer(self, ask_shop: Ask) -> None:
        """
        Capabilities filter, and rank, as asked.
        """
        everyone = ask_shop("explain", "adapter:cache").as_dict()
        needed = ask_shop("explain", "adapter:cache", "--need-any", "ttl").as_dict()
        preferred = ask_shop("explain", "adapter:cache", "--prefer", "shared").as_dict()

        assert len(needed["ranking"]) < len(everyone["ranking"])
        assert len(preferred["ranking"]) == len(everyone["ranking"])

    def test_unknown_component_answers_no(self, ask_shop: Ask) -> None:
        """
        A name that nobody declared is an error with exit code 1 and a hint.
        """
        with pytest.raises(NoCandidateError, match="did you mean") as caught:
            ask_shop("explain", "adapter:cashe")

        assert caught.value.exit_code == 1


class TestPlanComponents:
    def test_has_the_stable_shape(self, ask_shop: Ask) -> None:
        """
        `plan --json` tells the components that would be swapped.
        """
        found = ask_shop("plan", "--set", "services.selections.payment=invoice").as_dict()

        assert all(row.keys() == {"target", "old", "new", "why"} for row in found["components"])
        assert [row["target"] for row in found["components"]] == ["service:payment", "task:settle"]
        assert "book 2.0.0 requires" in found["problems"][0]["message"]

    def test_secret_stays_a_reference(self, ask_shop: Ask) -> None:
        """
        Whatever is asked, a secret's value is not in the answer.
        """
        found = ask_shop("explain", "database.password")
        everything = ask_shop("show").as_dict()["value"]

        assert found.as_dict()["secret"]
        assert found.as_dict()["value"] == "secret:database_password"
        assert everything["database"]["password"] == "secret:database_password"


def pairs(lab: Lab[Any]) -> list[tuple[str, str]]:
    """Return every component with each of its providers."""
    found = {
        (c.target, c.provider)
        for domain in DOMAINS
        for c in lab.registry.current.candidates(domain)
    }
    return sorted(found)


class TestWhyNot:
    @pytest.mark.parametrize("profile", ["dev", "prod", "staging"])
    def test_every_provider_wins_after_its_changes_or_none_can_help(self, profile: str) -> None:
        """
        What `--why-not` says is a change that `plan` accepts and that makes the provider win.
        """
        lab = Lab.sample(profiles=[profile])
        wins, cannot = 0, []

        for target, provider in pairs(lab):
            domain, _, key = target.partition(":")
            found = lab.why_not(target, provider)
            if found.already:
                assert provider == lab.registry.resolve(domain, key).provider
                assert found.changes == {}
            elif found.changes is None:
                assert found.because, f"{target} {provider}: nobody says why"
                cannot.append((target, provider))
            else:
                with lab.override(found.changes):
                    assert provider == lab.registry.resolve(domain, key).provider, target
                wins += 1

        assert wins > 10
        # A factory that is never allowed, and a Python that this is not.
        assert ("service:mail", "smtp") in cannot
        # It would leave a task without what it requires: a plan refuses that.
        assert ("service:payment", "invoice") in cannot

    def test_the_printed_command_does_it(self, ask_shop: Ask) -> None:
        """
        The line that the text ends with is a command that works.
        """
        text = str(ask_shop("explain", "adapter:cache", "--why-not", "sqlite"))
        words = [w.strip("'") for w in text.rpartition("try: plan ")[2].split()]

        ask_shop("apply", *words)

        winner = ask_shop("explain", "adapter:cache").as_dict()["winner"]
        assert winner["provider"] == "sqlite"

    def test_unknown_provider_answers_no(self, ask_shop: Ask) -> None:
        """
        A provider that nobody declared is told with the known ones.
        """
        with pytest.raises(NoCandidateError, match="known: journal, layered, memory, sqlite"):
            ask_shop("explain", "adapter:cache", "--why-not", "sqlitr")


class TestHeld:
    """A door that stays keeps workspaces open, and notices what changed under it."""

    def test_the_same_lab_while_nothing_changed(self, shop: Path) -> None:
        """
        The second question opens nothing.
        """
        interaction = Interaction()
        run(["-C", str(shop), "show"], interaction)
        (held,) = interaction.labs.values()

        run(["-C", str(shop), "check"], interaction)

        assert [held] == list(interaction.labs.values())
        assert not held.is_stale()

    def test_an_edit_by_hand_is_seen(self, shop: Path, ask_shop: Ask) -> None:
        """
        A file that changed is read again at the next question.
        """
        assert ask_shop("show", "server.port").as_dict()["value"] == 8080
        file = shop / "oneiric.toml"

        file.write_text(file.read_text().replace("port = 8080", "port = 8081"))

        assert ask_shop("show", "server.port").as_dict()["value"] == 8081

    def test_a_new_layer_is_seen(self, shop: Path, ask_shop: Ask) -> None:
        """
        So is a file that was not there.
        """
        ask_shop("show")

        (shop / ".env").write_text("SHOP_SERVER__PORT=8082\n")

        assert ask_shop("show", "server.port").as_dict()["value"] == 8082

    def test_the_environment_is_seen(self, ask_shop: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A variable that was set since counts.
        """
        ask_shop("show")

        monkeypatch.setenv("SHOP_SERVER__PORT", "8083")

        assert ask_shop("show", "server.port").as_dict()["value"] == 8083

    def test_session_values_outlive_an_edit(self, shop: Path, ask_shop: Ask) -> None:
        """
        What was set for this kernel only stays when a file changes.
        """
        ask_shop("set", "server.port=1234", "--layer", "session")
        file = shop / "oneiric.toml"

        file.write_text(file.read_text().replace("workers = 2", "workers = 3"))

        assert ask_shop("show", "server.port").as_dict()["value"] == 1234

    def test_two_profiles_are_two_labs(self, shop: Path, ask_shop: Ask) -> None:
        """
        Options make a workspace another one.
        """
        assert ask_shop("show", "server.port").as_dict()["value"] == 8080
        assert ask_shop("--profile", "prod", "show", "server.port").as_dict()["value"] == 443
